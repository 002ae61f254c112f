/**
 * Keys that somebody can guess. The same rules as in rekey, but for its dictionary; the same in the libraries for Python and Go.
 */
import { createHash } from 'node:crypto';

/** RFC 7518 section 3.2: an HS256 key has at least 256 bits. */
export const MIN_KEY_BYTES = 32;
/** Far below that of 32 hexadecimal characters at random, far above that of a word that is repeated. */
const MIN_ESTIMATED_BITS = 80;
const MAX_JUDGED_BYTES = 256;
const MAX_READ = 1024;

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
const RANDOM_HEX = /[0-9a-f]{24}/i;
const LONG_RUN = /[A-Za-z0-9+/]{28,}/g;

/** SHA-256 of keys in documentation and tutorials: FastAPI, Spring Boot, Flask, jwt.io, PostgREST. */
const PUBLIC_KEYS = new Set([
  '570dad43de1af4c925f92c16a68a50936da42b7dd6fdeb24850507a1199aac89',
  '3354cfcf65c7b2e6840ea6f880aede239750cb1d063950c4e8fd9fbf9ec73a32',
  '5df73e1aa59d8f332c2f5fd6ea1c37d0f2266b623ea3c4efe6cb3d577fd6a5e1',
  '594c081d23de22b178ba34a9c8551fe23d3a7034d92717a5cb4a054337a4c714',
  '2598f7d6adc142d88161630f3db12ab2bd3403521c281811e5e1ce60d4ac5d76',
  '465d9ad5d5528ebe287b5dce4fb51620833d09b290e49ddcc70ca6c4a0aea01b',
  '730d21a80e61a8de82d12cb4c0b8057cff5a30e2dec50ce7a773513374f9164a',
  'db6833593279d7373592ef70e51f3daf048c04475739f8ed024b0821fd9e7fde',
  'f7d838701b86c5dfb57bf95fbc5ce6df204cfc9f15ad6cdb39fd22f8776e47b6',
  'dfd7dc439654f313f3bb7734b467e71d701b6982cd4cb31cf7d555e723c223e9',
  '5eef83fe7cb71e2da053f846a07ecf933f49b66ef755ef8627be5e2fe94d7e84',
  'fd4dec75abc2df7e4f8776e246ce733d29690230695c4ce8ea7a207eb3a939ab',
]);

/** @returns whether the text stands in documentation, or for a key that somebody has yet to put there */
export function isPublic(text: string): boolean {
  if (PUBLIC_KEYS.has(createHash('sha256').update(text).digest('hex'))) return true;
  const read = text.slice(0, MAX_READ);
  if (PLACEHOLDERS.some((pattern) => pattern.test(read))) return true;
  return !hasRandomPart(read) && PHRASES.test(read.toLowerCase().replaceAll(/[^a-z0-9]/g, ''));
}

/** @returns whether the key is short, of few characters, or one short text again and again; an estimate */
export function isGuessable(key: Buffer): boolean {
  if (key.length < MIN_KEY_BYTES) return true;
  const judged = key.subarray(0, MAX_JUDGED_BYTES);
  const period = periodOf(judged);
  return bitsOfByte(judged.subarray(0, period)) * period < MIN_ESTIMATED_BITS;
}

/** Drawn at random, whatever stands before it. */
function hasRandomPart(text: string): boolean {
  return RANDOM_HEX.test(text) || (text.match(LONG_RUN) ?? []).some((run) => run.replaceAll(/[^0-9]/g, '').length >= 3);
}

/** @returns how many bytes there are before they come again; all of them if they do not */
function periodOf(bytes: Buffer): number {
  for (let period = 1; period <= bytes.length / 2; period += 1) {
    let i = period;
    while (i < bytes.length && bytes[i] === bytes[i - period]) i += 1;
    if (i === bytes.length) return period;
  }
  return bytes.length;
}

/** @returns Shannon's entropy of one byte, in bits, by how often each occurs */
function bitsOfByte(bytes: Buffer): number {
  const counts = new Map<number, number>();
  for (const byte of bytes) counts.set(byte, (counts.get(byte) ?? 0) + 1);
  return [...counts.values()].reduce(
    (bits, count) => bits - (count / bytes.length) * Math.log2(count / bytes.length),
    0,
  );
}
