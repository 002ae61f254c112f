/**
 * Reads JSON that people may have edited: each reader takes a value of any shape and throws an error that says what is
 * wrong.
 */
import { MAX_VERSION } from './keyset.ts';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };
type Fields = { readonly [name: string]: Json };

/** @throws Error that says what is missing */
export function parseJson(value: string | undefined): Json {
  if (value === undefined) throw new Error('is missing');
  try {
    return JSON.parse(value) as Json;
  } catch {
    throw new Error('is not JSON');
  }
}

/** @throws Error unless it is an object */
export function fields(value: Json | undefined): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('is not an object');
  return value as Fields;
}

/** @throws Error unless it is a list */
export function list(value: Json | undefined): readonly Json[] {
  if (!Array.isArray(value)) throw new Error('is not a list');
  return value;
}

/** @throws Error unless it is a text */
export function text(value: Json | undefined): string {
  if (typeof value !== 'string') throw new Error('lacks a text');
  return value;
}

/** @throws Error unless it is a whole number that can be exact */
export function integer(value: Json | undefined): number {
  if (!Number.isSafeInteger(value)) throw new Error('lacks a whole number');
  return value as number;
}

/** Reads the version of a keyset. */
export function versionIn(value: Json | undefined): number {
  const version = integer(value);
  if (version < 0 || version > MAX_VERSION) throw new Error(`lacks a version up to ${MAX_VERSION}`);
  return version;
}

/**
 * @returns milliseconds since the epoch
 * @throws Error unless it is a time (RFC 3339)
 */
export function time(value: Json | undefined): number {
  const ms = Date.parse(text(value));
  if (Number.isNaN(ms)) throw new Error('lacks a time');
  return ms;
}

/** @throws Error unless it is one of the known words */
export function oneOf<T extends string>(known: readonly T[], value: Json | undefined): T {
  const found = known.find((item) => item === value);
  if (found === undefined) throw new Error(`lacks one of ${known.join(', ')}`);
  return found;
}
