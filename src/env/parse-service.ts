/**
 * Reads one service of rekey.yaml.
 */
import { posix } from 'node:path';
import { defined, mapOf } from '../base/objects.ts';
import { type EnvService, ROLES } from './env-config.ts';
import { type Fields, type FieldsOf, quoted } from './fields.ts';
import { KEY_ID } from './layout.ts';
import { parseRequest } from './parse-canary.ts';
import type { Path } from './yaml.ts';

const KNOWN = ['names', 'files', 'roles', 'readsFallbacks', 'reload', 'canary', 'canaryRequest'];
/** The name of a variable. */
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;
const ENVIRONMENT = /^[a-z0-9][a-z0-9_-]{0,62}$/;
const ENVIRONMENTS = 'names of environments, such as production, of small letters, digits, "-" and "_"';

/** @returns the name of a variable with keys; undefined, and noted, if it is none */
export function variableAt(fields: Fields, path: Path, value: unknown, expected: string): string | undefined {
  if (value !== KEY_ID) return fields.text(path, value, expected, VARIABLE);
  return fields.note(path, `rekey writes the id of the key to ${KEY_ID}, and no key; expected ${expected}`);
}

/** Notes what is wrong, and leaves it out. */
export function parseService(fields: Fields, path: Path, name: string, value: unknown): EnvService {
  const all = fields.group(path, value, KNOWN) ?? {};
  const files = filesIn(fields, [...path, 'files'], all);
  const environments = Object.keys(files);
  const { roles, readsFallbacks } = all;
  const canary = perEnvironment(fields, [...path, 'canary'], all.canary, environments, (at, item) =>
    urlAt(fields, at, item),
  );
  const canaryRequest = parseRequest(fields, [...path, 'canaryRequest'], all.canaryRequest);
  const open = Object.entries(canary).find(([, url]) => !url.startsWith('https:'));
  if (canaryRequest.insecureSkipTLSVerify !== undefined && open !== undefined)
    fields.note(
      [...path, 'canaryRequest', 'insecureSkipTLSVerify'],
      `it needs https; the canary of ${open[0]} is http`,
    );
  const reads = readsFallbacks === undefined ? undefined : fields.flag([...path, 'readsFallbacks'], readsFallbacks);
  return {
    name,
    names: namesIn(fields, [...path, 'names'], all),
    files,
    roles:
      roles === undefined
        ? ROLES
        : fields.list([...path, 'roles'], roles, ROLES.join(', '), (at, item) => fields.choice(at, item, ROLES)),
    ...defined({ readsFallbacks: reads }),
    reload: perEnvironment(fields, [...path, 'reload'], all.reload, environments, (at, item) =>
      fields.text(at, item, 'a command'),
    ),
    ...{ canary, canaryRequest },
  };
}

function namesIn(fields: Fields, path: Path, { names }: FieldsOf): readonly string[] {
  const expected = 'names of variables, such as JWT_SECRET_KEY';
  if (names !== undefined)
    return fields.list(path, names, expected, (at, item) => variableAt(fields, at, item, expected));
  fields.note(path, `it is missing; expected a list of ${expected}`);
  return [];
}

function filesIn(fields: Fields, path: Path, { files }: FieldsOf): Readonly<Record<string, string>> {
  if (files === undefined) {
    fields.note(path, 'it is missing; expected a file for each environment, such as production: main/.env.production');
    return mapOf();
  }
  const read = fields.named(path, files, ENVIRONMENT, ENVIRONMENTS).flatMap(([environment, value]) => {
    const file = pathAt(fields, [...path, environment], value);
    return file === undefined ? [] : [[environment, file] as const];
  });
  return mapOf(read);
}

/** @returns a path from the root, in one way of writing it */
function pathAt(fields: Fields, path: Path, value: unknown): string | undefined {
  const expected = 'the path of a file, from the folder of rekey.yaml, with slashes';
  if (typeof value !== 'string' || value === '') return fields.note(path, `expected ${expected}`);
  if (/^(?:\/|~|[A-Za-z]:)/.test(value)) return fields.note(path, `${quoted(value)} is absolute; expected ${expected}`);
  if (/(?:^|\/)\.\.(?:\/|$)/.test(value))
    return fields.note(path, `${quoted(value)} goes up by ..; expected ${expected}`);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a path with one would forge a line
  if (/[\\\u0000-\u001f\u007f]/.test(value) || /(?:^|\/)\.?$/.test(value))
    return fields.note(path, `expected ${expected}`);
  return posix.normalize(value);
}

function urlAt(fields: Fields, path: Path, value: unknown): string | undefined {
  const expected = 'a URL such as http://127.0.0.1:8000/auth/verify, without a user or a password';
  const text = fields.text(path, value, expected, /^https?:\/\/[^\s/?#@]+(?:[/?#]\S*)?$/);
  if (text === undefined) return undefined;
  return URL.canParse(text) ? text : fields.note(path, `expected ${expected}`);
}

/** One text for all environments, or one for each. */
function perEnvironment(
  fields: Fields,
  path: Path,
  value: unknown,
  environments: readonly string[],
  read: (path: Path, value: unknown) => string | undefined,
): Readonly<Record<string, string>> {
  if (value === undefined) return mapOf();
  if (typeof value !== 'object' || value === null) {
    const text = read(path, value);
    return mapOf(text === undefined ? [] : environments.map((environment) => [environment, text] as const));
  }
  const entries = fields.named(path, value, ENVIRONMENT, ENVIRONMENTS).flatMap(([environment, item]) => {
    const text = read([...path, environment], item);
    if (!environments.includes(environment))
      fields.note([...path, environment], `files has no ${environment}; expected one of ${environments.join(', ')}`);
    return text === undefined ? [] : [[environment, text] as const];
  });
  return mapOf(entries);
}
