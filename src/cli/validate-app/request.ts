/** Makes the request from the flags, with the checks for the fields of a canary. */
import { defined, ifDefined } from '../../base/objects.ts';
import type { Asked } from '../../rotation/secret/canary-sender.ts';
import {
  answerProblems,
  claimsProblems,
  type FieldProblem,
  requestProblems,
} from '../../rotation/settings/canary-checks.ts';
import { type Claims, claimsOf, formOf, type WrittenForm } from '../../rotation/settings/canary-settings.ts';
import { CommandError, EXIT } from '../terminal.ts';
import type { RequestFlags } from './flags.ts';

/** Many services answer this to a bad token. For a good token it also means refused: the token lacks a role. */
const FORBIDDEN = 403;

/** The flag for each field of a canary, the longest field first. */
const FLAGS: readonly (readonly [field: string, flag: string])[] = [
  ['response.accepted', '--accepted-at'],
  ['response.refused', '--refused-at'],
  ['headers', '--header'],
  ['acceptStatuses', '--accept-status'],
  ['refuseStatuses', '--refuse-status'],
  ['contentType', '--content-type'],
  ['claims', '--claim'],
  ['token.prefix', '--token-prefix'],
  ['host', '--host'],
  ['body', '--body'],
];

/**
 * @returns the request, without its token
 * @throws CommandError usage naming the flag that is wrong
 */
export function askedOf(text: string, flags: RequestFlags): Asked {
  const url = urlOf(text);
  const written = writtenOf(flags);
  const { issuer, audience } = flags;
  const named = defined({ issuer, audience });
  const claims = { ...named, claims: givenClaims(flags) };
  const problems = [...requestProblems(written), ...answerProblems(written), ...claimsProblems(claims)];
  const certificate = flags.insecureSkipTlsVerify && url.protocol !== 'https:';
  if (certificate) throw usage('--insecure-skip-tls-verify: it needs a URL with https; there is no certificate');
  const [first] = problems;
  if (first !== undefined) throw usage(`${flagOf(first, flags)}: ${first.problem}`);
  const tokens = { algorithm: flags.algorithm, clockSkewMs: flags.clockSkew, claims: claimsOf(claims) };
  return { url: url.href, form: formOf(written), tokens };
}

function usage(message: string): CommandError {
  return new CommandError(message, EXIT.usage);
}

function urlOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined) throw usage(`${text}: not a URL; write one such as http://127.0.0.1:8000/auth/verify`);
  if (url.username !== '' || url.password !== '') throw usage('the URL has a user or a password; leave it out');
  if (url.hash !== '') throw usage('the URL has a fragment (#), which is never sent; leave it out');
  return url;
}

function writtenOf(flags: RequestFlags): WrittenForm {
  const { method, host, body, contentType, insecureSkipTlsVerify } = flags;
  const { acceptStatus = [], refuseStatus = [], header = [] } = flags;
  const response = responseOf(flags);
  const token = tokenOf(flags);
  const refused = [...refuseStatus, ...(acceptStatus.includes(FORBIDDEN) ? [] : [FORBIDDEN])];
  return {
    ...defined({ method, token }),
    ...(header.length > 0 && { headers: header.map(headerOf) }),
    ...defined({ host, body, contentType }),
    ...(insecureSkipTlsVerify && { insecureSkipTLSVerify: true }),
    ...{ acceptStatuses: acceptStatus, refuseStatuses: [...new Set(refused)] },
    ...defined({ response }),
  };
}

function tokenOf({ tokenHeader, tokenCookie, tokenInBody, tokenPrefix: prefix }: RequestFlags): WrittenForm['token'] {
  const places = [tokenHeader, tokenCookie, tokenInBody].filter((place) => place !== undefined);
  if (places.length > 1) throw usage('--token-header, --token-cookie, --token-in-body: give one of them');
  const word = defined({ prefix });
  if (tokenCookie !== undefined) return { in: 'Cookie', name: tokenCookie, ...word };
  if (tokenInBody) return { in: 'Body', ...word };
  if (tokenHeader !== undefined) return { in: 'Header', name: tokenHeader, ...word };
  return prefix === undefined ? undefined : word;
}

function headerOf(text: string) {
  const [name = '', ...rest] = text.split(':');
  if (rest.length === 0) throw usage(`--header ${text}: write a name and a value, such as 'X-Tenant: shop'`);
  return { name: name.trim(), value: rest.join(':').trim() };
}

function responseOf({ acceptedAt, refusedAt }: RequestFlags): WrittenForm['response'] {
  if (acceptedAt === undefined && refusedAt === undefined) return undefined;
  if (acceptedAt === undefined) throw usage('--refused-at: give --accepted-at as well; what means accepted?');
  return { accepted: checkOf(acceptedAt), ...defined({ refused: ifDefined(refusedAt, checkOf) }) };
}

function checkOf(text: string) {
  const [pointer = '', ...rest] = text.split('=');
  return { pointer, ...(rest.length > 0 && { value: jsonOrText(rest.join('=')) }) };
}

function givenClaims({ subject, claim = [] }: RequestFlags): Claims {
  const pairs = claim.map((text) => {
    const [name = '', ...rest] = text.split('=');
    if (name === '' || rest.length === 0) throw usage(`--claim ${text}: write name=value, such as 'roles=["admin"]'`);
    return [name, jsonOrText(rest.join('='))] as const;
  });
  const names = [...(subject === undefined ? [] : ['sub']), ...pairs.map(([name]) => name)];
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined) throw usage(`--claim ${twice}: it is given twice; keep one`);
  return { ...defined({ sub: subject }), ...Object.fromEntries(pairs) };
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function flagOf({ at }: FieldProblem, { tokenCookie }: RequestFlags): string {
  const field = at.filter((part) => typeof part === 'string').join('.');
  if (field === 'token.name') return tokenCookie === undefined ? '--token-header' : '--token-cookie';
  return FLAGS.find(([known]) => field === known || field.startsWith(`${known}.`))?.[1] ?? field;
}
