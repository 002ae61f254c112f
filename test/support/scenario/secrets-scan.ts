import { readFileSync } from 'node:fs';

/** A key byte where none may be. Never holds the key or the text around it. */
export interface Leak {
  /** Name of what was searched, such as a file. */
  readonly where: string;
  /** How the key was written there. */
  readonly form: string;
  /** Which of the given keys, counted from 0. */
  readonly key: number;
  /** Line, counted from 1. */
  readonly line: number;
}

/** Something to search: a file by its path, or a text under a name. */
export type Searched = string | { readonly name: string; readonly text: string };

/**
 * Searches for keys in every form in which they might slip out: as text, either half, in hexadecimal, in base64 and
 * base64url at any offset (so inside a larger value too), and the bytes that a hexadecimal key stands for in base64.
 *
 * @param keys the texts of the keys, as in `JWT_SECRET_KEY`
 * @returns what was found; empty is good
 */
export function scanForKeys(searched: readonly Searched[], keys: readonly string[]): readonly Leak[] {
  const forms = keys.flatMap((key, index) => formsOf(key).map((form) => ({ ...form, key: index })));
  return searched.flatMap((item) => {
    const { name, text } = typeof item === 'string' ? { name: item, text: readFileSync(item, 'utf8') } : item;
    const lower = text.toLowerCase();
    return forms.flatMap(({ form, needle, key, anyCase }): Leak[] => {
      const at = anyCase ? lower.indexOf(needle) : text.indexOf(needle);
      return at < 0 ? [] : [{ where: name, form, key, line: text.slice(0, at).split('\n').length }];
    });
  });
}

interface Form {
  readonly form: string;
  readonly needle: string;
  /** Whether upper and lower case are the same; the needle is lower case then. */
  readonly anyCase: boolean;
}

function formsOf(key: string): readonly Form[] {
  const bytes = Buffer.from(key, 'utf8');
  const middle = key.length / 2;
  const halves = [key.slice(0, middle), key.slice(middle)];
  const raw = /^([0-9a-f]{2})+$/i.test(key) ? Buffer.from(key, 'hex') : undefined;
  return [
    { form: 'text', needle: key.toLowerCase(), anyCase: true },
    ...halves.map((half, i) => ({
      form: i === 0 ? 'first half' : 'second half',
      needle: half.toLowerCase(),
      anyCase: true,
    })),
    { form: 'hex', needle: bytes.toString('hex'), anyCase: true },
    ...base64Forms('base64', bytes),
    ...(raw === undefined ? [] : base64Forms('base64 of the decoded bytes', raw)),
  ];
}

/** The part of the encoding that does not depend on what stands before and after, for each of the three offsets. */
function base64Forms(form: string, bytes: Buffer): readonly Form[] {
  return [0, 1, 2].flatMap((offset) => {
    const first = (3 - offset) % 3;
    const whole = bytes.subarray(first, first + Math.floor((bytes.length - first) / 3) * 3);
    const needles = new Set([whole.toString('base64'), whole.toString('base64url')]);
    return [...needles].map((needle) => ({ form, needle, anyCase: false }));
  });
}
