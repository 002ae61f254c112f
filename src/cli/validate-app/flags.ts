/** The flags of `validate-app` for the request to a service, one for each field of a canary. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { ALGORITHMS, type Algorithm } from '../../env/env-config.ts';
import { parseDuration } from '../../rotation/schedule/duration.ts';

/** How the service is asked. */
export interface RequestFlags {
  readonly method?: 'GET' | 'POST';
  readonly header?: readonly string[];
  readonly host?: string;
  readonly body?: string;
  readonly contentType?: string;
  readonly tokenHeader?: string;
  readonly tokenCookie?: string;
  readonly tokenInBody?: true;
  readonly tokenPrefix?: string;
  readonly insecureSkipTlsVerify?: true;
  readonly acceptStatus?: readonly number[];
  readonly refuseStatus?: readonly number[];
  readonly acceptedAt?: string;
  readonly refusedAt?: string;
  readonly issuer?: string;
  readonly audience?: string;
  readonly subject?: string;
  readonly claim?: readonly string[];
  readonly algorithm: Algorithm;
  /** Milliseconds. */
  readonly clockSkew: number;
}

/** Defaults that need to be shown in the help. */
const CLOCK_SKEW = '60s';
/** Each token lives for as long, and is signed with a key that may be a real one. */
const MAX_CLOCK_SKEW_MS = 3_600_000;

/** Adds them. */
export function addRequestFlags(command: Command): void {
  const more = (value: string, before: readonly string[] = []) => [...before, value];
  const status = (text: string, before: readonly number[] = []) => [...before, statusOf(text)];
  command
    .option('--issuer <text>', 'claim iss of each token')
    .option('--audience <text>', 'claim aud of each token')
    .option('--subject <text>', 'claim sub of each token (default: rekey-canary)')
    .option('--claim <name=value>', 'another claim, its value as JSON or text; may be repeated', more)
    .addOption(new Option('--method <method>', 'how the path is asked (default: GET)').choices(['GET', 'POST']))
    .option('--token-header <name>', 'header of the token (default: Authorization)')
    .option('--token-prefix <word>', 'word before the token in its header (default: Bearer, with Authorization)')
    .option('--token-cookie <name>', 'cookie of the token, instead of a header')
    .option('--token-in-body', 'the token stands in the body, in place of $(TOKEN)')
    .option('--header <name: value>', 'another header; may be repeated', more)
    .option('--host <name>', 'Host header, and the name in the certificate')
    .option('--body <text>', 'body of a POST')
    .option('--content-type <type>', 'of the body (default: application/json)')
    .option('--insecure-skip-tls-verify', 'accept any certificate')
    .option('--accept-status <status>', 'means accepted, besides 2xx; may be repeated', status)
    .option('--refuse-status <status>', 'means refused, besides 401 and 403; may be repeated', status)
    .option('--accepted-at <pointer[=value]>', 'JSON pointer into the body that means accepted')
    .option('--refused-at <pointer[=value]>', 'JSON pointer into the body that means refused')
    .addOption(new Option('--algorithm <name>', 'algorithm of the key').choices(ALGORITHMS).default('HS256'))
    .addOption(
      new Option('--clock-skew <duration>', 'by how much the clocks may differ')
        .argParser(durationOf)
        .default(durationOf(CLOCK_SKEW), CLOCK_SKEW),
    );
}

function statusOf(text: string): number {
  const status = Number(text);
  if (/^[0-9]{3}$/.test(text) && status >= 200 && status <= 499) return status;
  throw new InvalidArgumentError('Write an HTTP status from 200 to 499.');
}

function durationOf(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined || ms > MAX_CLOCK_SKEW_MS) {
    throw new InvalidArgumentError('Write a duration such as 60s or 5m, 1h at most.');
  }
  return ms;
}
