/** Which services share a key, in which files: from rekey.yaml or, without it, from a search. */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { mapOf } from '../base/objects.ts';
import { parseDuration } from '../rotation/schedule/duration.ts';
import { type Discovery, discover } from './discover.ts';
import { CONFIG_FILE, DEFAULTS, type EnvConfig, GUESSED_TTL, ROLES } from './env-config.ts';
import { ConfigError } from './fields.ts';
import { parseConfig } from './parse-config.ts';
import { readBounded } from './read-file.ts';

export type { EnvConfig, EnvService } from './env-config.ts';

/** A configuration, and what a search found beside it. */
export interface Setup {
  readonly config: EnvConfig;
  /** The search of the same folder. */
  readonly discovery: Discovery;
}

/**
 * @param folder where to look for rekey.yaml, then above it up to the root of the repository
 * @throws ConfigError if it cannot be read or has a mistake
 */
export async function loadConfig(folder: string): Promise<EnvConfig> {
  const at = folderOf(folder);
  return (await configIn(at)) ?? configFrom(await discover(at));
}

/** As {@link loadConfig}, with what a search finds beside it. */
export async function loadSetup(folder: string): Promise<Setup> {
  const at = folderOf(folder);
  const written = await configIn(at);
  const discovery = await discover(at);
  return { config: written ?? configFrom(discovery), discovery };
}

/** @returns undefined if there is no rekey.yaml in the folder */
async function configIn(folder: string): Promise<EnvConfig | undefined> {
  const reading = await readBounded(join(folder, CONFIG_FILE));
  if (reading.kind === 'Unreadable') throw new ConfigError(`${CONFIG_FILE}: ${reading.why}`);
  if (reading.kind === 'Read') return parseConfig(reading.bytes.toString('utf8'), folder);
  if (!existsSync(join(folder, 'rekey.yml'))) return undefined;
  throw new ConfigError(`rekey.yml: rename it to ${CONFIG_FILE}; this name is not looked for`);
}

/**
 * A command in the folder of one service is for all services that share the key. Outside a repository, rekey does not
 * search above the folder: files there may belong to somebody else, and they contain commands.
 *
 * @returns the folder of the nearest rekey.yaml in the repository, else the root of the repository, else the folder
 *   itself
 */
export function folderOf(folder: string): string {
  const start = resolve(folder);
  const above = [start];
  for (let at = start; dirname(at) !== at; at = dirname(at)) above.push(dirname(at));
  const root = above.findIndex((at) => existsSync(join(at, '.git')));
  const inRepository = above.slice(0, root + 1);
  return inRepository.find((at) => existsSync(join(at, CONFIG_FILE))) ?? inRepository.at(-1) ?? start;
}

/**
 * Outside a repository a rekey.yaml above is not used, but people who have one rarely mean the files of one folder
 * below it.
 *
 * @param root the folder of a configuration that was found without rekey.yaml
 * @returns the nearest folder above with a rekey.yaml; undefined if there is none, or the folder is a repository
 */
export function unusedConfigAbove(root: string): string | undefined {
  if (existsSync(join(root, '.git'))) return undefined;
  for (let at = root; dirname(at) !== at; at = dirname(at)) {
    if (existsSync(join(dirname(at), CONFIG_FILE))) return dirname(at);
  }
  return undefined;
}

/** @returns the configuration of a folder without rekey.yaml */
export function configFrom({ root, services, sourceOfTruth = '' }: Discovery): EnvConfig {
  const ms = (text: string) => parseDuration(text) ?? 0;
  return {
    root,
    found: false,
    periodMs: ms(DEFAULTS.period),
    maxTokenTtlMs: ms(GUESSED_TTL),
    clockSkewMs: ms(DEFAULTS.clockSkew),
    keyBytes: DEFAULTS.keyBytes,
    algorithm: 'HS256',
    fallbacksName: DEFAULTS.fallbacks,
    sourceOfTruth,
    canaryClaims: { claims: {} },
    services: services.map((service) => ({
      ...service,
      roles: ROLES,
      reload: mapOf<string>(),
      canary: mapOf<string>(),
      canaryRequest: {},
    })),
  };
}
