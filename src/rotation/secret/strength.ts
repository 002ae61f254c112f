/**
 * Estimates the strength of a found key. Keys that rekey makes are random; a key that people made may be a placeholder,
 * the example of a tutorial, or a sentence.
 *
 * The estimate is for people: no step of a rotation rests on it. Fingerprints do not depend on it either, so that a
 * better estimator in a later version does not change them.
 */
import { createHash } from 'node:crypto';
import { ZxcvbnFactory } from '@zxcvbn-ts/core';
import { adjacencyGraphs, dictionary } from '@zxcvbn-ts/language-common';
import type { Weakness } from '../keyset/keyset.ts';
import { textOf } from './found-text.ts';
import { fingerprintOf, isGuessable, type KeyMaterial } from './keys.ts';
import { KNOWN_KEYS } from './known-keys.ts';

/** 32 random hexadecimal characters are estimated at 105, and in 154 draws never below 94; 64 at 200. */
const MIN_BITS = 86;
const BITS_PER_DIGIT = Math.log2(10);
/** How much is searched for words: a value of megabytes must not delay others. */
const MAX_READ = 1024;
/**
 * The estimate takes quadratic time: a tenth of a second at the greatest of these lengths. Who guesses a text has guessed its beginning,
 * so a beginning that is strong enough ends it.
 */
const ESTIMATED = [32, 128] as const;

/** The whole text is a reference in the syntax of a shell, a template or a vault plug-in. */
const PLACEHOLDERS = [
  /^<[^<>]+>$/,
  /^\$\([^()]+\)$/,
  /^\$[A-Za-z_][A-Za-z0-9_]*$/,
  /^%[A-Za-z_][A-Za-z0-9_]*%$/,
  /^__[A-Za-z0-9_]+__$/,
  /\$\{[A-Za-z_][A-Za-z0-9_.:-]{2,}\}/,
  /\{\{.*\}\}/,
  /^ENC\[/,
  /^(vault:|op:\/\/|ref\+|arn:aws:|file:\/\/|projects\/)/,
];
/** In lower case and without separators. Long enough not to occur by chance. */
const PHRASES =
  /changeme|changethis|changeit|changein|replaceme|replacethis|replacewith|pleasechange|mustbechanged|your(own)?(super|jwt|secret|key|very|256|512)|supersecret|mysecret|topsecret|verysecret|secretkey|jwtsecret|secretjwt|donotuse|placeholder|examplekey|examplesecret|defaultkey|defaultsecret|dummysecret|testsecret|sampleke|insertyour|putyour|enteryour|keyboardcat/;
/** A random part, whatever precedes it. */
const RANDOM_PART = /[0-9a-f]{24,}|(?=[A-Za-z0-9+/]*[0-9][A-Za-z0-9+/]*[0-9][A-Za-z0-9+/]*[0-9])[A-Za-z0-9+/]{28,}/i;

const NOTHING = 'nothing';
/**
 * How many readings of digits as letters are searched for words. With 20 in place of 100 the estimate of 32 random hexadecimal digits takes
 * a third of the time. Of 2,000 texts of English words in such digits, 47 that a hundred readings estimate at 80 to 85 bits
 * are strong enough by 20.
 */
const READINGS = { hex: 20, other: 100 } as const;
const HEX = /^[0-9a-f]+$/i;

const estimators = new Map<keyof typeof READINGS, ZxcvbnFactory>();
/** By fingerprint, so that a key is estimated once while it is found, adopted and written. */
const estimated = new Map<string, boolean>();
const MAX_KEPT = 1_000;

/** @returns undefined for a key that, by this estimate, nobody can guess */
export function weaknessOf(key: KeyMaterial): Weakness | undefined {
  const text = textOf(key);
  if (text !== undefined && (isKnown(text) || isPublic(text.slice(0, MAX_READ)))) return 'PubliclyKnown';
  if (key.use(isGuessable)) return 'Guessable';
  return text !== undefined && !isStrong(text, fingerprintOf(key)) ? 'Guessable' : undefined;
}

function isKnown(text: string): boolean {
  return KNOWN_KEYS.has(createHash('sha256').update(text).digest('hex'));
}

function isPublic(text: string): boolean {
  if (PLACEHOLDERS.some((pattern) => pattern.test(text))) return true;
  return !RANDOM_PART.test(text) && PHRASES.test(text.toLowerCase().replaceAll(/[^a-z0-9]/g, ''));
}

function isStrong(text: string, fingerprint: string): boolean {
  const known = estimated.get(fingerprint);
  if (known !== undefined) return known;
  const strong = ESTIMATED.some((length) => bitsOf(text.slice(0, length)) >= MIN_BITS);
  if (estimated.size >= MAX_KEPT) estimated.clear();
  estimated.set(fingerprint, strong);
  return strong;
}

function bitsOf(text: string): number {
  const estimator = estimatorOf(HEX.test(text) ? 'hex' : 'other');
  try {
    return estimator.check(text).guessesLog10 * BITS_PER_DIGIT;
  } finally {
    // the estimator keeps its last text
    estimator.check(NOTHING);
  }
}

/** Loads the dictionary when it is first needed; most operators never need it. */
function estimatorOf(kind: keyof typeof READINGS): ZxcvbnFactory {
  const made = estimators.get(kind);
  if (made !== undefined) return made;
  const options = { dictionary, graphs: adjacencyGraphs, l33tMaxSubstitutions: READINGS[kind] };
  const estimator = new ZxcvbnFactory(options);
  estimators.set(kind, estimator);
  return estimator;
}
