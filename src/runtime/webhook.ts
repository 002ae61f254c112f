/**
 * Posts JSON to an address that somebody else chose, but never into the cluster: it uses https only, every resolved
 * address must be public, it connects to the address that was checked, and follows no redirects.
 *
 * The URL of a webhook is a credential. No error and no answer from here contains a part of it.
 */

import { lookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { Agent, request } from 'undici';
import { blockList } from '../base/networks.ts';
import { defined } from '../base/objects.ts';

const TIMEOUT_MS = 5_000;
const MAX_ANSWER_BYTES = 16_384;

/** The result of one try. */
export type WebhookAnswer =
  | { readonly kind: 'Answered'; readonly status: number; readonly retryAfter?: string }
  /** Nothing was sent: the address may not be used. `why` fits after "the address". */
  | { readonly kind: 'Refused'; readonly why: string }
  /** It may have been received or not. `why` is a code such as ECONNREFUSED. */
  | { readonly kind: 'Unreachable'; readonly why: string };

const PRIVATE_V4 = blockList('ipv4', [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24'],
  ...['192.0.2.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/3'],
]);
/** Within 2000::/3: Teredo and other protocols, documentation, 6to4. */
const PRIVATE_V6 = blockList('ipv6', ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20']);
/** Global unicast. Addresses outside are ULA, link-local, multicast, loopback, or map to IPv4. */
const GLOBAL_V6 = blockList('ipv6', ['2000::/3']);

/** @returns whether an IP address belongs to the public internet; false if it is not an IP address */
export function isPublicAddress(address: string): boolean {
  const plain = address.split('%')[0] ?? '';
  switch (isIP(plain)) {
    case 4:
      return !PRIVATE_V4.check(plain, 'ipv4');
    case 6:
      return GLOBAL_V6.check(plain, 'ipv6') && !PRIVATE_V6.check(plain, 'ipv6');
    default:
      return false;
  }
}

const PRIVATE = 'leads to an address that is not public';

class PrivateAddressError extends Error {}

/**
 * The look-up of a connection, which uses only the returned addresses. One bad address among several is enough to
 * refuse, because the client chooses among them.
 */
export function checkedLookup(isAllowed: (address: string) => boolean): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      const [first] = addresses ?? [];
      if (error !== null || first === undefined) callback(error ?? new Error('no address'), []);
      else if (!addresses.every(({ address }) => isAllowed(address))) callback(new PrivateAddressError(), []);
      else if (options.all) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
}

export interface WebhookOptions {
  /** For development: also allows private addresses and http. */
  readonly allowPrivate: boolean;
}

/** A client with connections of its own, which {@link close} closes. */
export class WebhookClient {
  readonly #allowPrivate: boolean;
  readonly #agent: Agent;

  constructor({ allowPrivate }: WebhookOptions) {
    this.#allowPrivate = allowPrivate;
    const connect = { timeout: TIMEOUT_MS, ...(!allowPrivate && { lookup: checkedLookup(isPublicAddress) }) };
    this.#agent = new Agent({ connect, connections: 4, pipelining: 1, keepAliveTimeout: 1_000 });
  }

  /** One try. Never throws. */
  async post(
    url: string,
    body: string,
    signal: AbortSignal,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<WebhookAnswer> {
    const target = URL.parse(url);
    const why = target === null ? 'is no URL' : this.#whyRefused(target);
    if (target === null || why !== undefined) return { kind: 'Refused', why: why ?? '' };
    try {
      const answer = await request(target, {
        dispatcher: this.#agent,
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json', 'user-agent': 'rekey' },
        body,
        signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
      });
      // only the status counts; the body is read to its end, within limits, so that the connection can be reused
      await answer.body.dump({ limit: MAX_ANSWER_BYTES }).catch(() => undefined);
      const retryAfter = [answer.headers['retry-after']].flat()[0];
      return { kind: 'Answered', status: answer.statusCode, ...defined({ retryAfter }) };
    } catch (error) {
      if (isPrivate(error)) return { kind: 'Refused', why: PRIVATE };
      return { kind: 'Unreachable', why: codeOf(error) };
    }
  }

  #whyRefused({ protocol, hostname, username, password }: URL): string | undefined {
    if (protocol !== 'https:' && !(this.#allowPrivate && protocol === 'http:')) return 'does not begin with https://';
    if (username !== '' || password !== '') return 'holds a user name or password';
    // a literal address is never looked up
    const address = hostname.replace(/^\[(.*)\]$/, '$1');
    return this.#allowPrivate || isIP(address) === 0 || isPublicAddress(address) ? undefined : PRIVATE;
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}

function isPrivate(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isPrivate);
  return error instanceof PrivateAddressError;
}

/** Only the code: a message may contain the host, and so a part of a credential. */
function codeOf(error: unknown): string {
  const { name, code } = error as { readonly name?: unknown; readonly code?: unknown };
  if (typeof code === 'string') return code;
  return name === 'TimeoutError' ? 'no answer in time' : 'the connection failed';
}
