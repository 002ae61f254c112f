/** Reads from the path of a file its service and environment, or that it is a template or a leftover. */
import { basename, posix } from 'node:path';

export type FileKind =
  | {
      readonly kind: 'Env';
      /** Path of the service's folder, or its name in one folder for all; empty for the root. */
      readonly service: string;
      /** Undefined if the path does not name it. */
      readonly environment: string | undefined;
      /** `.local`: for this machine only. Next.js and Vite prefer it to the file without. */
      readonly local: boolean;
    }
  | { readonly kind: 'Template' }
  | { readonly kind: 'Leftover' };

const ENVIRONMENTS: Readonly<Record<string, string>> = {
  production: 'production',
  prod: 'production',
  staging: 'staging',
  stage: 'staging',
  stg: 'staging',
  development: 'development',
  dev: 'development',
  test: 'test',
  testing: 'test',
};
/** Templates: people fill in their values. */
const TEMPLATE = /^(?:example|sample|template|tmpl|tpl|dist|defaults?|schema)$/i;
const LEFTOVER = /^(?:bak|backup|old|orig|save|saved|copy|swp|swo|tmp|[0-9]+|(?:bak|backup|old|copy)[-_0-9].*)$/i;
/** Other formats, including encrypted ones. */
const FOREIGN = /^(?:vault|keys|enc|encrypted|sops|age|gpg|asc|json|ya?ml|toml|d|[cm]?[jt]s|md|lock|sh)$/i;
/** What a step that was cut off leaves beside a file on another mount, with the old or the new contents. */
const OF_STEP = /\.rekey-[0-9a-f]{8}-\d+\.(?:old|new)$/;
/** Folders that name no service. */
const CONFIG_FOLDER = /^(?:\.?env|\.?envs|environments?|\.?config|conf|\.?secrets|\.?docker|deploy)$/i;
const NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;

/** @returns the usual name of an environment, such as `production` for `prod`; undefined if the word cannot be one */
export function environmentNamed(word: string): string | undefined {
  const lower = word.toLowerCase();
  if (Object.hasOwn(ENVIRONMENTS, lower)) return ENVIRONMENTS[lower];
  return NAME.test(lower) ? lower : undefined;
}

const isKnown = (word: string) => Object.hasOwn(ENVIRONMENTS, word.toLowerCase());

/** @returns whether a step of rekey has made a file of this name, which it removes at its end */
export const isOfStep = (path: string): boolean => OF_STEP.test(path);

/**
 * @param path relative to the root of the search, with slashes
 * @returns undefined if it is not a .env file
 */
export function fileKindOf(path: string): FileKind | undefined {
  const name = basename(path);
  if (/^\.{1,2}env.*(?:~|\.sw[a-p])$|^#\.env.*#$/.test(name)) return { kind: 'Leftover' };
  if (isOfStep(name)) return { kind: 'Leftover' };
  const parts = partsOf(name);
  if (parts === undefined || parts.words.some((word) => FOREIGN.test(word))) return undefined;
  if (parts.words.some((word) => TEMPLATE.test(word))) return { kind: 'Template' };
  if (/~$/.test(name) || parts.words.some((word) => LEFTOVER.test(word))) return { kind: 'Leftover' };
  return envFile(path, parts);
}

interface Parts {
  /** `main` of `main.env`. */
  readonly stem?: string;
  readonly words: readonly string[];
}

function partsOf(name: string): Parts | undefined {
  if (name === '.env') return { words: [] };
  if (name.startsWith('.env.')) return { words: name.slice('.env.'.length).split('.') };
  // .env-old, .env_prod, `.env copy`; not .env_file
  const [, word] = /^\.env[-_ ](.+)$/.exec(name) ?? [];
  if (word !== undefined) return isKnown(word) || LEFTOVER.test(word) ? { words: [word] } : undefined;
  const [, before] = /^([A-Za-z0-9][A-Za-z0-9_.-]*)\.env$/.exec(name) ?? [];
  if (before === undefined) return undefined;
  const [first = '', ...rest] = before.split('.');
  const isService = !isKnown(first) && !TEMPLATE.test(first);
  return isService ? { stem: first, words: rest } : { words: [first, ...rest] };
}

function envFile(path: string, { stem, words }: Parts): FileKind | undefined {
  const local = words.at(-1)?.toLowerCase() === 'local';
  const named = local ? words.slice(0, -1) : words;
  const folders = path.split('/').slice(0, -1);
  // env/production/main.env, main/env/production/.env; a folder named test holds tests
  const at = named.length > 0 ? -1 : folders.findLastIndex((folder) => isKnown(folder) && !/^test/i.test(folder));
  const environment = at === -1 ? named.join('-') : (folders[at] ?? '');
  if (environment !== '' && environmentNamed(environment) === undefined) return undefined;
  const above = withoutConfigFolders(folders.filter((_, i) => i !== at));
  const service = [...above, ...(stem === undefined ? [] : [stem])].join('/');
  return { kind: 'Env', service, environment: environment === '' ? undefined : environmentNamed(environment), local };
}

function withoutConfigFolders(folders: readonly string[]): readonly string[] {
  const last = folders.findLastIndex((folder) => !CONFIG_FOLDER.test(folder));
  return folders.slice(0, last + 1);
}

/**
 * @param services paths as {@link fileKindOf} gives them
 * @param root name of the root folder, for the service whose files are there
 * @returns a name for each: the last folder, or the whole path if two have the same last folder
 */
export function serviceNames(services: readonly string[], root: string): ReadonlyMap<string, string> {
  const short = (service: string) => (service === '' ? root : posix.basename(service));
  const isAlone = (service: string) => services.filter((other) => short(other) === short(service)).length === 1;
  const named = services.map((service) => [service, isAlone(service) ? short(service) : service || root] as const);
  return new Map(named.map(([service, name]) => [service, asName(name)]));
}

function asName(text: string): string {
  const name = text.replaceAll(/[^A-Za-z0-9_.-]+/g, '-').replace(/^[^A-Za-z0-9]+/, '');
  return name.slice(0, 63) || 'service';
}
