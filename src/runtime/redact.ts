import { defined, ifDefined } from '../base/objects.ts';

/**
 * Converts any value to JSON that is safe to log. It never throws.
 *
 * It hides the values of fields with certain names, all bytes, and text that looks like a secret: PEM, JWT, and long
 * runs of hex or base64 (a generated key is 64 hex characters). It also hides a SHA-256 in hex: log key ids instead.
 */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

const HIDDEN = '[redacted]';
const MAX_DEPTH = 8;
const MAX_ENTRIES = 100;
const MAX_NODES = 5_000;
const MAX_TEXT = 16_384;
const MAX_STACK_LINES = 10;

/** Names whose values are never shown, in lower case without `-` and `_`. One-letter names are members of a JWK. */
const SECRET_NAMES = new Set(
  (
    'data stringdata binarydata body headers authorization cookie setcookie secret clientsecret password passphrase ' +
    'privatekey signingkey keymaterial material apikey token accesstoken refreshtoken idtoken jwt jwtsecret ' +
    'jwtsecretkey jwtsecretkeyfallbacks credentials d p q dp dq qi k'
  ).split(' '),
);

const PEM = /-----BEGIN [A-Z0-9 ]{0,64}-----[\s\S]*?(?:-----END [A-Z0-9 ]{0,64}-----|$)/g;
// The look-behind keeps it linear: without it each character of a long run would start a new match.
const JWT = /(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*/g;
/** How `{"`, `{ ` and `{` with a newline begin in base64. */
const JSON_IN_BASE64 = /ey[JA]|ew[o0]/;
const BEARER = /(Bearer|Basic) +(?=[a-z._~+/-]*[0-9A-Z=])[A-Za-z0-9._~+/=-]{8,}/g;
const HEX = /[0-9a-fA-F]{32,}/g;
const BASE64 = /[A-Za-z0-9+/_-]{40,}={0,2}/g;

/** @returns the value with everything secret hidden */
export function redact(value: unknown): Json {
  try {
    return convert(value, { depth: 0, above: new Set(), budget: { nodes: MAX_NODES } });
  } catch {
    return '[unloggable]';
  }
}

/** @returns the text, cut to a bounded length, with everything hidden that looks like a secret */
export function redactText(text: string): string {
  const cut = text.length > MAX_TEXT ? `${withoutLastWord(text.slice(0, MAX_TEXT))}[…]` : text;
  return cut
    .replace(PEM, HIDDEN)
    .replace(BEARER, `$1 ${HIDDEN}`)
    .replace(JWT, (run) => (JSON_IN_BASE64.test(run) ? HIDDEN : run))
    .replace(HEX, HIDDEN)
    .replace(BASE64, (run) => (looksEncoded(run) ? HIDDEN : run));
}

/** A cut may leave a piece of a secret that is too short to be recognized. */
function withoutLastWord(text: string): string {
  let end = text.length;
  while (end > 0 && !/\s/.test(text.charAt(end - 1))) end -= 1;
  return text.slice(0, end);
}

/** Names and paths of Kubernetes are long, too, but in lower case. */
function looksEncoded(run: string): boolean {
  const upper = run.replace(/[^A-Z]/g, '').length;
  const lower = run.replace(/[^a-z]/g, '').length;
  return run.length >= 64 ? upper > 0 : upper >= 4 && lower >= 4;
}

/** The position of the walk, and its remaining budget. */
interface Walk {
  readonly depth: number;
  readonly above: ReadonlySet<object>;
  readonly budget: { nodes: number };
}

function convert(value: unknown, walk: Walk): Json {
  switch (typeof value) {
    case 'string':
      return redactText(value);
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'boolean':
      return value;
    case 'undefined':
      return null;
    case 'object':
      return value === null ? null : convertObject(value, walk);
    case 'bigint':
      return redactText(String(value));
    default:
      return `[${typeof value}]`;
  }
}

function convertObject(value: object, { depth, above, budget }: Walk): Json {
  if (above.has(value)) return '[circular]';
  budget.nodes -= 1;
  if (depth >= MAX_DEPTH || budget.nodes < 0) return '[…]';
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) {
    return `[${value.byteLength} bytes]`;
  }
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (value instanceof URL) return redactText(`${value.origin}${value.pathname}`);
  const walk = { depth: depth + 1, above: new Set(above).add(value), budget };
  const next = (item: unknown) => convert(item, walk);
  if (value instanceof Error) return convertError(value, next);
  if (Array.isArray(value) || value instanceof Set) return convertArray([...value.values()], next);
  const entries = value instanceof Map ? [...value] : ownEntries(value);
  return convertEntries(entries, next);
}

function convertArray(items: readonly unknown[], next: (item: unknown) => Json): Json {
  // These may be the bytes of a Buffer.
  if (items.length >= 8 && items.every((item) => Number.isInteger(item) && Number(item) >= 0 && Number(item) < 256)) {
    return `[${items.length} bytes]`;
  }
  return items.slice(0, MAX_ENTRIES).map(next);
}

function convertEntries(entries: readonly (readonly [unknown, unknown])[], next: (item: unknown) => Json): Json {
  const pairs = entries.slice(0, MAX_ENTRIES).map(([name, item]): [string, Json] => {
    const text = redactText(typeof name === 'symbol' ? 'symbol' : String(name));
    return [text, isSecretName(text) && item !== undefined && item !== null ? HIDDEN : next(item)];
  });
  return Object.fromEntries(pairs);
}

function isSecretName(name: string): boolean {
  return SECRET_NAMES.has(name.toLowerCase().replaceAll(/[-_]/g, ''));
}

/** Own enumerable properties. `toJSON` is not called, and a getter that throws hides only itself. */
function ownEntries(value: object): readonly (readonly [string, unknown])[] {
  return Object.keys(value).map((name) => {
    try {
      return [name, Reflect.get(value, name)];
    } catch {
      return [name, '[unreadable]'];
    }
  });
}

/** Keeps the useful fields and never other enumerable ones, since errors of HTTP clients have requests there. */
function convertError(error: Error, next: (item: unknown) => Json): Json {
  const { name, message, stack, cause, code, reason, status, errors } = error as Error & Record<string, unknown>;
  return {
    name: next(name),
    message: next(message),
    ...defined({ code: ifDefined(code, next), reason: ifDefined(reason, next), status: ifDefined(status, next) }),
    // An error with a code was expected; one without is a defect, so its place matters.
    ...(code === undefined && typeof stack === 'string' && { stack: next(framesOf(stack)) }),
    ...defined({ cause: ifDefined(cause, next) }),
    ...(Array.isArray(errors) && { errors: next(errors) }),
  };
}

function framesOf(stack: string): string {
  const frames = stack.split('\n').filter((line) => /^\s+at /.test(line));
  return frames.slice(0, MAX_STACK_LINES).join('\n');
}
