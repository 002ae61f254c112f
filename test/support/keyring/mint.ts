import { createHmac } from 'node:crypto';

/** A token that no library would make. */
export interface Minted {
  /** The header as JSON text, or what becomes it. Default: HS256. */
  readonly header?: unknown;
  /** The payload as JSON text, or what becomes it. */
  readonly payload: unknown;
  /** The key as text; its UTF-8 bytes are the HMAC key. */
  readonly key: string;
  /** Of the HMAC, whatever the header says. Default sha256. */
  readonly hash?: 'sha256' | 'sha384' | 'sha512';
}

/** @returns a JWS in compact form with a signature by `key`, whatever header and payload are */
export function mint({ header = { alg: 'HS256', typ: 'JWT' }, payload, key, hash = 'sha256' }: Minted): string {
  const input = `${encode(header)}.${encode(payload)}`;
  return `${input}.${createHmac(hash, key).update(input).digest('base64url')}`;
}

/** @returns base64url of the text, or of the JSON of anything else */
export function encode(value: unknown): string {
  const bytes = Buffer.isBuffer(value) ? value : Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
  return bytes.toString('base64url');
}
