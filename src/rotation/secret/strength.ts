/**
 * How much a found key is worth. A key that rekey makes is random; one that people have put there may be a placeholder, the
 * example of a tutorial, or a sentence.
 *
 * An estimate, for people: no step of a rotation rests on it, and a fingerprint does not depend on it, so that a better
 * estimator of a later version takes no key for another one.
 */
import { createHash } from 'node:crypto';
import { ZxcvbnFactory } from '@zxcvbn-ts/core';
import { adjacencyGraphs, dictionary } from '@zxcvbn-ts/language-common';
import type { Weakness } from '../keyset/keyset.ts';
import { textOf } from './found-text.ts';
import { isGuessable, type KeyMaterial } from './keys.ts';
import { KNOWN_KEYS } from './known-keys.ts';

/** 32 hexadecimal characters at random are estimated at 105, in 154 draws never below 94; 64 at 200. */
const MIN_BITS = 86;
const BITS_PER_DIGIT = Math.log2(10);
/** What is looked at for words: whoever puts megabytes there waits for nobody. */
const MAX_READ = 1024;
/** The time of the estimate grows with the square of the length: a tenth of a second here. */
const MAX_ESTIMATED = 128;

/** The whole text stands for something else, in the syntax of a shell, a template, a vault plug-in. */
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
/** Without what stands between the words, in lower case. Long enough not to occur by chance. */
const PHRASES =
  /changeme|changethis|changeit|changein|replaceme|replacethis|replacewith|pleasechange|mustbechanged|your(own)?(super|jwt|secret|key|very|256|512)|supersecret|mysecret|topsecret|verysecret|secretkey|jwtsecret|secretjwt|donotuse|placeholder|examplekey|examplesecret|defaultkey|defaultsecret|dummysecret|testsecret|sampleke|insertyour|putyour|enteryour|keyboardcat/;
/** Drawn at random, whatever stands before it. */
const RANDOM_PART = /[0-9a-f]{24,}|(?=[A-Za-z0-9+/]*[0-9][A-Za-z0-9+/]*[0-9][A-Za-z0-9+/]*[0-9])[A-Za-z0-9+/]{28,}/i;

const NOTHING = 'nothing';

let estimator: ZxcvbnFactory | undefined;

/** @returns undefined for a key that nobody can guess, as far as an estimate goes */
export function weaknessOf(key: KeyMaterial): Weakness | undefined {
  const text = textOf(key);
  if (text !== undefined && (isKnown(text) || isPublic(text.slice(0, MAX_READ)))) return 'PubliclyKnown';
  if (key.use(isGuessable)) return 'Guessable';
  return text !== undefined && bitsOf(text) < MIN_BITS ? 'Guessable' : undefined;
}

function isKnown(text: string): boolean {
  return KNOWN_KEYS.has(createHash('sha256').update(text).digest('hex'));
}

function isPublic(text: string): boolean {
  if (PLACEHOLDERS.some((pattern) => pattern.test(text))) return true;
  return !RANDOM_PART.test(text) && PHRASES.test(text.toLowerCase().replaceAll(/[^a-z0-9]/g, ''));
}

/** The dictionary is made ready when it is first needed: most operators never do. */
function bitsOf(text: string): number {
  estimator ??= new ZxcvbnFactory({ dictionary, graphs: adjacencyGraphs });
  try {
    return estimator.check(text.slice(0, MAX_ESTIMATED)).guessesLog10 * BITS_PER_DIGIT;
  } finally {
    // it keeps the last text that it was given
    estimator.check(NOTHING);
  }
}
