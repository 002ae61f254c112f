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
  /** Tokens without `iat`, whose life is unknown. */
  readonly undated: number;
  /** The longest life, `exp − iat`, milliseconds; undefined if no token shows it. */
  readonly longestMs?: number;
  /** How many live longer than they may. */
  readonly tooLong: number;
  /** How many of each, most first. A value that is not the name of an algorithm counts as `other`. */
  readonly algorithms: Readonly<Record<string, number>>;
}

interface Said {
  readonly alg: string;
  readonly iat: number | undefined;
  readonly exp: number | undefined;
}

/** @param text tokens separated by white space; `Bearer` before one is ignored */
export function reportOf(text: string, maxTokenTtlMs: number): TokenReport {
  const words = text.split(/\s+/).filter((word) => word !== '' && !/^(authorization:|bearer)$/i.test(word));
  const read = words.map(saidBy);
  const said = read.filter((each) => typeof each === 'object');
  const lives = said.flatMap(({ iat, exp }) => (iat === undefined || exp === undefined ? [] : [(exp - iat) * 1000]));
  const counts = Object.entries(Object.groupBy(said, ({ alg }) => alg)).map(([alg, all = []]) => {
    return [alg, all.length] as const;
  });
  return {
    tokens: said.length,
    others: read.filter((each) => each === 'other').length,
    encrypted: read.filter((each) => each === 'encrypted').length,
    endless: said.filter(({ exp }) => exp === undefined).length,
    undated: said.filter(({ iat, exp }) => exp !== undefined && iat === undefined).length,
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
  const known = typeof alg === 'string' && /^[A-Za-z0-9]{1,8}$/.test(alg) ? alg : 'other';
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

function secondsIn(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}
