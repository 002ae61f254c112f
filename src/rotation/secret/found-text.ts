/**
 * Judges whether a value that people made can be a key in a list. It is judged as text, because services see the text
 * of a variable, and some cut off white space.
 */
import type { KeyMaterial } from './keys.ts';

/**
 * Characters that some services cut off or do not get: white space of any alphabet, control characters, byte order
 * marks.
 */
const UNFIT = /[\s\p{Z}\p{Cc}\u200b\u2060\ufeff]/u;
const JSON_LIKE = /^\s*(?:[[{]|["'])/;
/** Longer than a word of a passphrase, shorter than a key. */
const MIN_PART = 16;

/**
 * Unlike bytes, a text cannot be overwritten. So this is called only for a Secret that is new to rekey, which is rare.
 *
 * @returns undefined if the bytes are not UTF-8
 */
export function textOf(key: KeyMaterial): string | undefined {
  return key.use((bytes) => {
    try {
      // keeps a byte order mark: it is part of the key
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      return undefined;
    }
  });
}

/** @returns why a text cannot be one key in a list of keys, as the end of a sentence; never a part of the text */
export function unfitness(key: KeyMaterial): string | undefined {
  const text = textOf(key);
  if (text === undefined) return 'is not UTF-8 text, so it cannot be the value of a variable';
  if (text === '') return 'is empty';
  if (/^\s*[[{]/.test(text) && isJson(text)) return 'is JSON; it must be the key itself';
  if (text.includes(',')) return 'has a comma, so it cannot be part of a list of keys';
  const found = UNFIT.exec(text);
  if (found === null) return undefined;
  const [character] = found;
  const rest = text.slice(found.index).replace(new RegExp(UNFIT.source, 'gu'), '');
  const place = found.index === 0 ? 'begins' : rest === '' ? 'ends' : undefined;
  const what = `${codeOf(character)}, which is white space or a control character${character === '\n' ? ' (a newline)' : ''}`;
  return `${place === undefined ? 'has inside' : `${place} with`} ${what}, so services may read it differently`;
}

function isJson(text: string): boolean {
  try {
    return typeof JSON.parse(text) === 'object';
  } catch {
    return false;
  }
}

function codeOf(character: string): string {
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
}

/** @returns why a text is not a list of keys as rekey writes it, as the end of a sentence */
export function unlistable(list: KeyMaterial): string | undefined {
  const text = textOf(list) ?? '';
  if (JSON_LIKE.test(text)) return 'is JSON or in quotes; it must be keys with a comma between them and nothing else';
  const apart = [';', '|', ':'].find((separator) => {
    const [first = '', ...others] = text.split(separator);
    return others.length > 0 && first.length >= MIN_PART && others.every(({ length }) => length === first.length);
  });
  if (apart === undefined) return undefined;
  return `seems to be a list with "${apart}" between its keys; it must be a comma`;
}
