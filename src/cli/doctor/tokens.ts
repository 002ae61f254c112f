/**
 * Reads from tokens that a person pipes in how long they live and how they are signed. It checks no signature, and
 * neither keeps nor shows any part of a token.
 */

export interface TokenReport {
  readonly tokens: number;
  /** Words that are not a JWT. */
  readonly others: number;
  /** Tokens in five parts: their claims cannot be read. */
  readonly encrypted: number;
  /** Tokens without `exp`, which never expire. */
  readonly endless: number;
  /** `iat` is missing, one of the two is not a time, or they are in the wrong order: the life of these tokens is unknown. */
  readonly undated: number;
  /** The longest life, `exp − iat`, milliseconds; undefined if no token shows it. */
  readonly longestMs?: number;
  /** How many live longer than they may. */
  readonly tooLong: number;
  /** How many of each, most first. A value that is not the name of an algorithm counts as `other`. */
  readonly algorithms: Readonly<Record<string, number>>;
}

/** RFC 7518 section 3.1, RFC 8037 section 3.1, RFC 8812 section 3.2. What else stands there may be anything. */
const KNOWN_ALGORITHMS = [
  'none',
  'EdDSA',
  'ES256K',
  ...['HS', 'RS', 'ES', 'PS'].flatMap((one) => [256, 384, 512].map((bits) => `${one}${bits}`)),
];

/** @returns those that sign with a private key */
export function asymmetricIn(algorithms: readonly string[]): readonly string[] {
  return algorithms.filter((name) => /^(?:RS|ES|PS|EdDSA)/.test(name));
}

interface Said {
  readonly alg: string;
  /** Seconds; `unreadable` if it is there and no time. */
  readonly iat: number | 'unreadable' | undefined;
  readonly exp: number | 'unreadable' | undefined;
}

/** @param text tokens separated by white space; `Bearer` before one is ignored */
export function reportOf(text: string, maxTokenTtlMs: number): TokenReport {
  const words = text.split(/\s+/).filter((word) => word !== '' && !/^(authorization:|bearer)$/i.test(word));
  const read = words.map(saidBy);
  const said = read.filter((each) => typeof each === 'object');
  const lives = said.flatMap(({ iat, exp }) =>
    typeof iat === 'number' && typeof exp === 'number' && exp >= iat ? [(exp - iat) * 1000] : [],
  );
  const endless = said.filter(({ exp }) => exp === undefined).length;
  const counts = Object.entries(Object.groupBy(said, ({ alg }) => alg)).map(([alg, all = []]) => {
    return [alg, all.length] as const;
  });
  return {
    tokens: said.length,
    others: read.filter((each) => each === 'other').length,
    encrypted: read.filter((each) => each === 'encrypted').length,
    endless,
    undated: said.length - endless - lives.length,
    ...(lives.length > 0 && { longestMs: lives.reduce((a, b) => Math.max(a, b)) }),
    tooLong: lives.filter((life) => life > maxTokenTtlMs).length,
    algorithms: Object.fromEntries(counts.toSorted(([, a], [, b]) => b - a)),
  };
}

function saidBy(word: string): Said | 'encrypted' | 'other' {
  const parts = word.split('.');
  if (parts.length === 5 && fieldsOf(parts[0]) !== undefined) return 'encrypted';
  const [header, payload] = [fieldsOf(parts[0]), fieldsOf(parts[1])];
  if (parts.length !== 3 || header === undefined || payload === undefined) return 'other';
  const { alg } = header;
  const known = typeof alg === 'string' && KNOWN_ALGORITHMS.includes(alg) ? alg : 'other';
  return { alg: known, iat: secondsIn(payload.iat), exp: secondsIn(payload.exp) };
}

function fieldsOf(part = ''): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : undefined;
  } catch {
    return undefined;
  }
}

/** After the year 9999 nobody reads it as a time. */
const MAX_SECONDS = 253_402_300_799;

function secondsIn(value: unknown): number | 'unreadable' | undefined {
  if (value === undefined || value === null) return undefined;
  return typeof value === 'number' && Math.abs(value) <= MAX_SECONDS ? value : 'unreadable';
}
