/**
 * Reads how a service is asked: the claims of its tokens, and the request where it is not a plain GET with a bearer token.
 */
import { defined } from '../base/objects.ts';
import {
  answerProblems,
  claimsProblems,
  type FieldProblem,
  requestProblems,
} from '../rotation/settings/canary-checks.ts';
import type { WrittenForm } from '../rotation/settings/canary-settings.ts';
import type { EnvConfig } from './env-config.ts';
import type { Fields, FieldsOf } from './fields.ts';
import type { Path } from './yaml.ts';

const REQUEST = [
  ...['method', 'token', 'headers', 'host', 'body', 'contentType', 'insecureSkipTLSVerify', 'acceptStatuses'],
  ...['refuseStatuses', 'response'],
];
const PRINTABLE = /^[ -~]*$/;

/** Notes what is wrong, and leaves it out. */
export function parseClaims(fields: Fields, { canary = {} }: FieldsOf): EnvConfig['canaryClaims'] {
  const { issuer, audience, claims = {} } = fields.group(['canary'], canary, ['issuer', 'audience', 'claims']) ?? {};
  const iss = issuer === undefined ? undefined : fields.text(['canary', 'issuer'], issuer, 'a text');
  const aud = audience === undefined ? undefined : fields.text(['canary', 'audience'], audience, 'a text');
  const read = {
    ...defined({ issuer: iss, audience: aud }),
    claims: fields.group(['canary', 'claims'], claims) ?? {},
  };
  noteAll(fields, ['canary'], claimsProblems(read));
  return read;
}

/**
 * Notes what is wrong, and leaves it out.
 *
 * @param value of `canaryRequest`
 */
export function parseRequest(fields: Fields, path: Path, value: unknown): WrittenForm {
  const all = value === undefined ? {} : (fields.group(path, value, REQUEST) ?? {});
  const at = (name: string): Path => [...path, name];
  const given = <T>(name: string, read: (at: Path, value: unknown) => T | undefined) => {
    const found = all[name] === undefined ? undefined : read(at(name), all[name]);
    return found === undefined ? {} : { [name]: found };
  };
  const text = (where: Path, item: unknown) => fields.text(where, item, 'a text');
  const statuses = (min: number) => (where: Path, item: unknown) =>
    fields.list(where, item, 'HTTP statuses', (each, status) => fields.integer(each, status, min, 499));
  const written: WrittenForm = {
    ...given('method', (where, item) => fields.choice(where, item, ['GET', 'POST'] as const)),
    ...given('token', (where, item) => tokenAt(fields, where, item)),
    ...given('headers', (where, item) =>
      fields.list(where, item, 'headers, each with name and value', (each, header) => headerAt(fields, each, header)),
    ),
    ...given('host', text),
    ...given('body', text),
    ...given('contentType', text),
    ...given('insecureSkipTLSVerify', (where, item) => fields.flag(where, item)),
    ...given('acceptStatuses', statuses(200)),
    ...given('refuseStatuses', statuses(300)),
    ...given('response', (where, item) => responseAt(fields, where, item)),
  };
  noteAll(fields, path, [...requestProblems(written), ...answerProblems(written)]);
  return written;
}

function tokenAt(fields: Fields, path: Path, value: unknown): WrittenForm['token'] {
  const { in: part, name, prefix } = fields.group(path, value, ['in', 'name', 'prefix']) ?? {};
  const parts = ['Header', 'Cookie', 'Body'] as const;
  const place = part === undefined ? undefined : fields.choice([...path, 'in'], part, parts);
  const named =
    name === undefined ? undefined : fields.text([...path, 'name'], name, 'the name of a header or a cookie');
  const word = prefix === undefined ? undefined : fields.text([...path, 'prefix'], prefix, 'a word', PRINTABLE);
  return defined({ in: place, name: named, prefix: word });
}

function headerAt(fields: Fields, path: Path, value: unknown) {
  const { name, value: content } = fields.group(path, value, ['name', 'value']) ?? {};
  const read = fields.text([...path, 'name'], name, 'the name of a header');
  const text = fields.text([...path, 'value'], content, 'printable ASCII on one line', PRINTABLE);
  return read === undefined || text === undefined ? undefined : { name: read, value: text };
}

function responseAt(fields: Fields, path: Path, value: unknown): WrittenForm['response'] {
  const { accepted, refused } = fields.group(path, value, ['accepted', 'refused']) ?? {};
  const isAccepted = checkAt(fields, [...path, 'accepted'], accepted);
  const isRefused = refused === undefined ? undefined : checkAt(fields, [...path, 'refused'], refused);
  if (isAccepted === undefined) return undefined;
  return { accepted: isAccepted, ...defined({ refused: isRefused }) };
}

function checkAt(fields: Fields, path: Path, item: unknown) {
  const { pointer, value } = fields.group(path, item, ['pointer', 'value']) ?? {};
  const read = fields.text([...path, 'pointer'], pointer, 'a JSON pointer (RFC 6901), such as /data/viewer');
  return read === undefined ? undefined : { pointer: read, ...defined({ value }) };
}

function noteAll(fields: Fields, path: Path, problems: readonly FieldProblem[]): void {
  for (const { at, problem } of problems) fields.note([...path, ...at], problem);
}
