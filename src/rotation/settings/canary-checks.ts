/**
 * Checks a canary as people write it: whether its request can be sent, and whether its answers mean anything. The API
 * server refuses most mistakes at apply; for a file of `rekey env` this is the only check.
 */
import { isDeepStrictEqual } from 'node:util';
import { redactText } from '../../runtime/redact.ts';
import type { Finding } from '../api/finding.ts';
import type { JwtKeyRotationSpec } from '../api/types.ts';
import { type Check, type Claims, RESERVED_CLAIMS, TOKEN_PLACE, type WrittenForm } from './canary-settings.ts';

/** What is wrong with a field, by its path below the checked one. */
export interface FieldProblem {
  readonly at: readonly (string | number)[];
  /** The problem, and what to write instead. */
  readonly problem: string;
}

/** Longest JSON of all claims together: servers refuse a longer header. */
const MAX_CLAIMS_BYTES = 4_096;
/** RFC 9110 section 5.6.2, without what no server expects. */
const HEADER_NAME = /^[A-Za-z0-9_.-]+$/;
const HEADER_VALUE = /^[ -~]*$/;
/** These belong to the connection, have a field of their own, or identify a caller. */
const TAKEN_HEADERS = [
  ...['authorization', 'proxy-authorization', 'cookie', 'host', 'content-type', 'content-length', 'connection'],
  ...['transfer-encoding', 'keep-alive', 'upgrade', 'expect', 'te', 'trailer'],
];
const POINTER = /^(?:\/(?:[^~/]|~[01])*)+$/;
const HOST = /^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?$/;
const MEDIA_TYPE = /^[A-Za-z0-9.+-]+\/[A-Za-z0-9.+-]+(?:; ?[A-Za-z0-9-]+=[A-Za-z0-9.-]+)*$/;

/** @returns what is wrong with `spec.canary` and the canary of each target */
export function canaryFindings({ canary, targets }: JwtKeyRotationSpec): readonly Finding[] {
  const problems = [
    ...claimsProblems(canary).map(({ at, problem }) => ({ at: ['canary', ...at], problem })),
    ...targets.flatMap((target, i) =>
      target.canary === undefined
        ? []
        : [
            ...requestProblems(target.canary),
            ...answerProblems(target.canary),
            ...portProblems(target.canary.port),
            ...claimsProblems({ claims: target.canary.claims ?? {} }),
            ...certificateProblems(target.canary),
          ].map(({ at, problem }) => ({ at: ['targets', i, 'canary', ...at], problem })),
    ),
  ];
  return problems.map(({ at, problem }) => ({ reason: 'InvalidCanary', message: `${fieldText(at)}: ${problem}` }));
}

function fieldText(at: readonly (string | number)[]): string {
  return `spec${at.map((part) => (typeof part === 'number' ? `[${part}]` : `.${part}`)).join('')}`;
}

/** @returns what is wrong with claims, including those that have a field of their own */
export function claimsProblems(written: {
  readonly issuer?: string;
  readonly audience?: string;
  readonly claims: Claims;
}): readonly FieldProblem[] {
  const { issuer, audience, claims } = written;
  const reserved = RESERVED_CLAIMS.filter((name) => Object.hasOwn(claims, name)).map((name) => ({
    at: ['claims', name],
    problem: 'rekey sets this claim, so that a canary lives shortly; remove it',
  }));
  const twice = (
    [
      ['iss', 'issuer', issuer],
      ['aud', 'audience', audience],
    ] as const
  )
    .filter(([name, , value]) => value && Object.hasOwn(claims, name))
    .map(([name, field]) => ({
      at: ['claims', name],
      problem: `canary.${field} sets this claim too; keep one of them`,
    }));
  const bytes = Buffer.byteLength(JSON.stringify(claims));
  const long = { at: ['claims'], problem: `it has ${bytes} bytes as JSON; write at most ${MAX_CLAIMS_BYTES}` };
  return [...reserved, ...twice, ...(bytes > MAX_CLAIMS_BYTES ? [long] : [])];
}

/** @returns why the request could not be sent, or would not carry the token */
export function requestProblems(written: WrittenForm): readonly FieldProblem[] {
  const { method = 'GET', body, contentType, host, token = {} } = written;
  const hasPlace = body?.includes(TOKEN_PLACE) === true;
  const rows: readonly Row[] = [
    [body !== undefined && method !== 'POST', ['body'], 'a body needs method: POST'],
    [contentType !== undefined && body === undefined, ['contentType'], 'it needs a body'],
    [!MEDIA_TYPE.test(contentType ?? 'a/b'), ['contentType'], 'not a media type; write one such as application/json'],
    [!HOST.test(host ?? 'a'), ['host'], 'not a host; write a name without scheme and path, such as api.example.com'],
    [token.in === 'Body' && !hasPlace, ['body'], `token.in is Body; write ${TOKEN_PLACE} where the token goes`],
    [token.in !== 'Body' && hasPlace, ['body'], `it has ${TOKEN_PLACE}, but token.in is not Body`],
  ];
  return [...problemsIn(rows), ...tokenProblems(token), ...headerProblems(written)];
}

/** Whether something is wrong, where, and what. */
type Row = readonly [isWrong: boolean, at: readonly string[], problem: string];

function problemsIn(rows: readonly Row[]): readonly FieldProblem[] {
  return rows.filter(([isWrong]) => isWrong).map(([, at, problem]) => ({ at, problem }));
}

function tokenProblems(token: NonNullable<WrittenForm['token']>): readonly FieldProblem[] {
  const { in: part = 'Header', name, prefix } = token;
  const [atName, atPrefix] = [
    ['token', 'name'],
    ['token', 'prefix'],
  ];
  return problemsIn([
    [part === 'Cookie' && name === undefined, atName, 'it is missing; write the name of the cookie'],
    [part === 'Body' && name !== undefined, atName, 'a token in the body has no name; remove it'],
    [!isTokenName(token), atName, 'it cannot carry a token; write the name of a header or a cookie'],
    [prefix !== undefined && part !== 'Header', atPrefix, 'only a header has a prefix; remove it'],
    [/[^!-~]/.test(prefix ?? ''), atPrefix, 'not a prefix; write one word of printable ASCII, such as Bearer'],
  ]);
}

/** The header Authorization may carry the token. */
function isTokenName({ in: part = 'Header', name = 'Authorization' }: NonNullable<WrittenForm['token']>): boolean {
  const may = part !== 'Header' || ['authorization', 'proxy-authorization'].includes(name.toLowerCase());
  return HEADER_NAME.test(name) && (may || !TAKEN_HEADERS.includes(name.toLowerCase()));
}

function headerProblems({ headers = [], token }: WrittenForm): readonly FieldProblem[] {
  const names = headers.map(({ name }) => name.toLowerCase());
  const carrier = token?.in === undefined || token.in === 'Header' ? token?.name?.toLowerCase() : undefined;
  return headers.flatMap(({ name, value }, i) => {
    const at = (field: string, problem: string) => [{ at: ['headers', i, field], problem }];
    const lower = name.toLowerCase();
    if (!HEADER_NAME.test(name)) return at('name', 'not a header name; write letters, digits, -, _ and .');
    if (TAKEN_HEADERS.includes(lower)) return at('name', `${name} cannot be set here; see token, host and contentType`);
    if (lower === carrier) return at('name', 'it is the header of the token; remove it');
    if (names.indexOf(lower) < i) return at('name', 'it is listed twice; keep one');
    if (!HEADER_VALUE.test(value)) return at('value', 'not a header value; write printable ASCII on one line');
    if (redactText(value) !== value)
      return at('value', 'it looks like a key or a token, and others can read what stands here; remove it');
    return [];
  });
}

/** @returns why the answers could not distinguish an accepted token from a refused one */
export function answerProblems({
  acceptStatuses = [],
  refuseStatuses = [],
  response,
}: WrittenForm): readonly FieldProblem[] {
  const both = refuseStatuses.filter((status) => acceptStatuses.includes(status));
  const nothingRefused = acceptStatuses.includes(401) && refuseStatuses.length === 0 && response?.refused === undefined;
  return [
    ...both.map((status) => ({
      at: ['refuseStatuses'],
      problem: `${status} cannot mean both refused and accepted; keep it in one of the lists`,
    })),
    ...(nothingRefused
      ? [
          {
            at: ['acceptStatuses'],
            problem: '401 means accepted here, so nothing means refused; say in refuseStatuses what does',
          },
        ]
      : []),
    ...Object.entries(response ?? {})
      .filter(([, { pointer }]) => !POINTER.test(pointer))
      .map(([name]) => ({
        at: ['response', name, 'pointer'],
        problem: 'not a JSON pointer (RFC 6901); begin with /, write ~1 for / and ~0 for ~, such as /data/viewer',
      })),
    ...(response?.refused !== undefined && overlap(response.accepted, response.refused)
      ? [
          {
            at: ['response', 'refused'],
            problem: 'what it describes means accepted too; give the two different values',
          },
        ]
      : []),
  ];
}

/** Whether a body may meet both checks. */
function overlap(one: Check, other: Check): boolean {
  if (one.pointer !== other.pointer) return false;
  const [any, given] = one.value === undefined ? [true, other.value] : [other.value === undefined, one.value];
  if (any) return given !== null;
  return isDeepStrictEqual(one.value, other.value);
}

function portProblems(port: number | string): readonly FieldProblem[] {
  const isGood =
    typeof port === 'number'
      ? Number.isInteger(port) && port >= 1 && port <= 65_535
      : port.length <= 15 && /^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(port) && /[a-z]/.test(port);
  if (isGood) return [];
  if (typeof port === 'string' && /^\d+$/.test(port)) {
    return [{ at: ['port'], problem: `not a port but a text; write the number without quotes: port: ${port}` }];
  }
  return [{ at: ['port'], problem: 'not a port; write a number from 1 to 65535 or the name of a container port' }];
}

function certificateProblems({
  scheme = 'HTTP',
  insecureSkipTLSVerify,
}: NonNullable<JwtKeyRotationSpec['targets'][number]['canary']>): readonly FieldProblem[] {
  if (insecureSkipTLSVerify === undefined || scheme === 'HTTPS') return [];
  return [{ at: ['insecureSkipTLSVerify'], problem: 'it needs scheme: HTTPS; without TLS there is no certificate' }];
}
