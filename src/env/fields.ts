/** Reads the fields of a configuration file, and notes every mistake: file, line, field, what was expected. */
import { redactText } from '../rotation/people/text.ts';
import { parseDuration } from '../rotation/schedule/duration.ts';
import { EnvError } from './error.ts';
import { nearestWord } from './nearest.ts';
import type { Located, Path } from './yaml.ts';

/** All mistakes in rekey.yaml, one line each. */
export class ConfigError extends EnvError {}

export type FieldsOf = Readonly<Record<string, unknown>>;

/** @returns the path as people write it, such as `services.main.names[0]` */
export function fieldName(path: Path): string {
  return path.map((part, i) => (typeof part === 'number' ? `[${part}]` : `${i === 0 ? '' : '.'}${part}`)).join('');
}

/** @returns a text in quotes, shortened, without what looks like a key */
export function quoted(text: string): string {
  return JSON.stringify(redactText(text.length > 80 ? `${text.slice(0, 80)}…` : text));
}

/** Collects mistakes while reading. A reader that notes a mistake returns undefined. */
export class Fields {
  readonly #file: string;
  readonly #located: Located;
  readonly #problems: { readonly line: number; readonly text: string }[] = [];

  constructor(file: string, located: Located) {
    this.#file = file;
    this.#located = located;
  }

  note(path: Path, problem: string): undefined {
    const line = this.#located.lineOf(path);
    const field = path.length === 0 ? '' : ` ${redactText(fieldName(path))}:`;
    this.#problems.push({ line, text: `${this.#file}:${line}:${field} ${problem}` });
    return undefined;
  }

  /** @throws ConfigError if anything was noted */
  finish(): void {
    if (this.#problems.length === 0) return;
    const inOrder = this.#problems.toSorted((a, b) => a.line - b.line);
    throw new ConfigError(inOrder.map(({ text }) => text).join('\n'));
  }

  /** @param known the allowed fields; undefined for any */
  group(path: Path, value: unknown, known?: readonly string[]): FieldsOf | undefined {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return this.note(path, `expected fields${known === undefined ? '' : `: ${known.join(', ')}`}`);
    }
    for (const name of known === undefined ? [] : Object.keys(value)) {
      if (known?.includes(name)) continue;
      const meant = nearestWord(name, known ?? []);
      const hint = meant === undefined ? `expected one of ${known?.join(', ')}` : `did you mean ${meant}?`;
      this.note([...path, name], `unknown field; ${hint}`);
    }
    return value as FieldsOf;
  }

  /** Reads a mapping whose names people choose; invalid names are noted and left out. */
  named(path: Path, value: unknown, pattern: RegExp, expected: string): readonly (readonly [string, unknown])[] {
    const entries = Object.entries(this.group(path, value) ?? {});
    if (entries.length === 0 && typeof value === 'object') this.note(path, `it is empty; expected ${expected}`);
    return entries.filter(([name]) => pattern.test(name) || this.note([...path, name], `expected ${expected}`));
  }

  text(path: Path, value: unknown, expected: string, pattern = /\S/): string | undefined {
    if (typeof value === 'string' && pattern.test(value)) return value;
    return this.note(path, `expected ${expected}`);
  }

  choice<T extends string>(path: Path, value: unknown, known: readonly T[]): T | undefined {
    const found = known.find((word) => word === value);
    return found ?? this.note(path, `expected ${known.join(' or ')}`);
  }

  flag(path: Path, value: unknown): boolean | undefined {
    return typeof value === 'boolean' ? value : this.note(path, 'expected true or false');
  }

  integer(path: Path, value: unknown, min: number, max: number): number | undefined {
    if (Number.isInteger(value) && Number(value) >= min && Number(value) <= max) return Number(value);
    return this.note(path, `expected a whole number from ${min} to ${max}`);
  }

  /** @returns milliseconds */
  duration(path: Path, value: unknown, mayBeNone = false): number | undefined {
    const ms = typeof value === 'string' ? parseDuration(value) : undefined;
    if (ms === undefined) return this.note(path, 'expected a duration such as 90d, 12h or 1h30m');
    return ms > 0 || mayBeNone ? ms : this.note(path, 'expected a duration longer than 0s');
  }

  /** Each once. */
  list<T>(
    path: Path,
    value: unknown,
    expected: string,
    item: (path: Path, item: unknown) => T | undefined,
  ): readonly T[] {
    if (!Array.isArray(value) || value.length === 0) {
      this.note(path, `expected a list of ${expected}`);
      return [];
    }
    const isAgain = (i: number) => value.indexOf(value[i]) < i;
    return value.flatMap((each: unknown, i) => {
      const read = isAgain(i) ? this.note([...path, i], 'it is listed twice') : item([...path, i], each);
      return read === undefined ? [] : [read];
    });
  }
}
