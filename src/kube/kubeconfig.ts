/**
 * Kubeconfig files as kubectl reads them: of several, the first that has an entry of a name gives all of it, and a relative
 * path starts at the folder of the file that it stands in.
 *
 * A kubeconfig holds tokens and keys. So an error quotes nothing that may be one: names of entries and fields, servers, commands,
 * and paths that look like paths.
 *
 * @see https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
 */
import { readFileSync } from 'node:fs';
import { dirname, resolve, sep } from 'node:path';
import { loadAll } from 'js-yaml';
import { KubeConfigError } from './config-error.ts';
import { fileTrouble } from './files.ts';

/** Characters of the shortest text that may be a token. */
const MIN_TOKEN = 32;

type Kind = 'cluster' | 'user' | 'context';
type Fields = Readonly<Record<string, unknown>>;

/** The entries of all files. */
export interface Kubeconfig {
  readonly currentContext: string | undefined;
  readonly cluster: ReadonlyMap<string, Entry>;
  readonly user: ReadonlyMap<string, Entry>;
  readonly context: ReadonlyMap<string, Entry>;
  /** Those that were there. */
  readonly files: readonly string[];
}

/** A cluster, a user or a context, or a part of one. Its fields are looked at when they are asked for. */
export class Entry {
  /** For people: `user "dev" of kubeconfig /home/me/.kube/config`. */
  readonly where: string;
  readonly #file: string;
  readonly #fields: Fields;

  constructor(where: string, file: string, fields: Fields) {
    this.where = where;
    this.#file = file;
    this.#fields = fields;
  }

  /** @returns the same with these fields in place of its own; those that are undefined or empty stay as they are */
  with(fields: Fields): Entry {
    const given = Object.entries(fields).filter(([, value]) => !isEmpty(value));
    return new Entry(this.where, this.#file, { ...this.#fields, ...Object.fromEntries(given) });
  }

  has(...fields: readonly string[]): boolean {
    return fields.some((field) => !isEmpty(this.#fields[field]));
  }

  /** @returns undefined if it is absent or empty */
  text(field: string): string | undefined {
    const value = this.#fields[field] ?? '';
    if (typeof value !== 'string') throw this.error(`${field} must be a text: write it in quotes`);
    return value === '' ? undefined : value;
  }

  flag(field: string): boolean {
    const value = this.#fields[field] ?? false;
    if (typeof value !== 'boolean') throw this.error(`${field} must be true or false`);
    return value;
  }

  /** @returns an absolute path */
  path(field: string): string | undefined {
    const value = this.text(field);
    return value === undefined ? undefined : resolve(this.#folder, value);
  }

  /** @returns the path for an error; a key or a token may have been pasted into the field of a path */
  shownPath(field: string): string {
    const value = this.text(field) ?? '';
    const isPath = !/\s/.test(value) && (value.includes(sep) || value.length < MIN_TOKEN);
    return isPath ? `${field} ${resolve(this.#folder, value)}` : `the file that ${field} names`;
  }

  /** @returns a path to a program if it holds a slash, else its name */
  command(field: string): string | undefined {
    const value = this.text(field);
    return value?.includes(sep) ? resolve(this.#folder, value) : value;
  }

  /** @returns the bytes behind base64 */
  bytes(field: string): Buffer | undefined {
    const value = this.text(field)?.replaceAll(/\s/g, '');
    if (value === undefined) return undefined;
    if (!/^[A-Za-z0-9+/]+={0,2}$/.test(value)) throw this.error(`${field} is not base64`);
    return Buffer.from(value, 'base64');
  }

  texts(field: string): readonly string[] {
    const value = this.#fields[field] ?? [];
    if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) {
      throw this.error(`${field} must be a list of texts`);
    }
    return value;
  }

  part(field: string): Entry | undefined {
    const value = this.#fields[field] ?? undefined;
    if (value === undefined) return undefined;
    if (!isFields(value)) throw this.error(`${field} must hold fields`);
    return new Entry(`${field} of ${this.where}`, this.#file, value);
  }

  parts(field: string): readonly Entry[] {
    const value = this.#fields[field] ?? [];
    if (!Array.isArray(value) || !value.every(isFields)) throw this.error(`${field} must be a list`);
    return value.map((item, i) => new Entry(`${field}[${i}] of ${this.where}`, this.#file, item));
  }

  names(): readonly string[] {
    return Object.keys(this.#fields);
  }

  raw(field: string): unknown {
    return this.#fields[field];
  }

  error(what: string): KubeConfigError {
    return new KubeConfigError(`${this.where}: ${what}`);
  }

  get #folder(): string {
    return dirname(this.#file);
  }
}

/**
 * @param mustExist whether a file that is not there is an error, or is passed over
 * @throws KubeConfigError
 */
export function readKubeconfigs(files: readonly string[], mustExist: boolean): Kubeconfig {
  const found = files.flatMap((file) => {
    const text = textOf(file, mustExist);
    return text === undefined ? [] : [{ file, fields: fieldsOf(file, text) }];
  });
  const all = (kind: Kind) => {
    const entries = found.flatMap(({ file, fields }) => entriesOf(kind, file, fields));
    // backwards, so that of two the first one stays
    return new Map(entries.reverse());
  };
  const named = found.map(({ file, fields }) => new Entry(`kubeconfig ${file}`, file, fields).text('current-context'));
  return {
    currentContext: named.find((name) => name !== undefined),
    cluster: all('cluster'),
    user: all('user'),
    context: all('context'),
    files: found.map(({ file }) => file),
  };
}

function textOf(file: string, mustExist: boolean): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (!mustExist && (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new KubeConfigError(`kubeconfig ${file}: ${fileTrouble(error)}`);
  }
}

function fieldsOf(file: string, text: string): Fields {
  if (text.split('\n').every((line) => /^\s*(#|$)/.test(line))) return {};
  let config: unknown;
  try {
    // as kubectl does: what comes after the first document does not count
    [config] = loadAll(text);
  } catch (error) {
    // the parser's own message shows the lines around, with the tokens in them
    const { mark } = error as { readonly mark?: { readonly line: number; readonly column: number } };
    const at = mark === undefined ? '' : ` (line ${mark.line + 1}, column ${mark.column + 1})`;
    throw new KubeConfigError(`kubeconfig ${file}: it is not YAML${at}`);
  }
  if (!isFields(config)) throw new KubeConfigError(`kubeconfig ${file}: it is YAML, but not a kubeconfig`);
  const { kind = 'Config' } = config;
  if (kind !== 'Config')
    throw new KubeConfigError(`kubeconfig ${file}: its kind is not Config, so it is not a kubeconfig`);
  return config;
}

function entriesOf(kind: Kind, file: string, config: Fields): readonly (readonly [string, Entry])[] {
  const list = new Entry(`kubeconfig ${file}`, file, config).parts(`${kind}s`);
  const entries = list.map((item): readonly [string, Entry] => {
    const name = item.text('name');
    if (name === undefined) throw item.error('it has no name');
    const where = `${kind} ${JSON.stringify(name)} of kubeconfig ${file}`;
    const fields = item.raw(kind) ?? {};
    if (!isFields(fields)) throw new KubeConfigError(`${where}: it must hold fields`);
    return [name, new Entry(where, file, fields)];
  });
  const twice = entries.find(([name], i) => entries.findIndex(([other]) => other === name) !== i);
  if (twice !== undefined) throw twice[1].error('this file has two of this name');
  return entries;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0);
}
