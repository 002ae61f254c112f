/**
 * A row for each service and environment: which key it has, how old it is, and whether it is that of the source of truth.
 */
import { defined, ifDefined } from '../base/objects.ts';
import type { EnvConfig } from './env-config.ts';
import { sameFallbacks } from './fallback-findings.ts';
import type { Answer } from './git.ts';
import type { EnvFacts, FileFact, KeyFact, ValueFact } from './observe.ts';
import type { RememberedKeys } from './state-keys.ts';

/** Whether a service has the key of the source of truth. */
export type InStep = 'SourceOfTruth' | 'Yes' | 'No' | 'Unknown';

export interface EnvRow {
  readonly environment: string;
  readonly service: string;
  readonly file: string;
  /** Of the signing key. */
  readonly line?: number;
  readonly name?: string;
  readonly fingerprint?: string;
  /** When the key was written, as far as is known, milliseconds since the epoch. */
  readonly writtenAt?: number;
  /** State: rekey wrote it then. FileChanged: the key is at least so old, since the file has not changed since. */
  readonly writtenBy?: 'State' | 'FileChanged';
  /** When the period is over: with FileChanged no later than that. */
  readonly dueAt?: number;
  readonly inStep: InStep;
  /** Why it is not, or why nobody knows. */
  readonly why?: string;
  readonly tracked: Answer;
  readonly ignored: Answer;
  /** Whether it lies in a Git repository, as far as is known. */
  readonly inRepository: boolean;
  /** Such as `600`. */
  readonly mode?: string;
}

/** @returns the last assignment of each name, in the order of the configuration: readers take the last one */
export function effective(file: FileFact, names: readonly string[]): readonly ValueFact[] {
  return names.flatMap((name) => file.values.findLast((value) => value.name === name) ?? []);
}

/** @returns the names of the signing key, of a service of this configuration */
export function namesOf({ services }: EnvConfig, service: string): readonly string[] {
  return services.find(({ name }) => name === service)?.names ?? [];
}

/** @returns the key that all others must have in an environment; undefined if it is not known */
export function truthOf({ config, files }: EnvFacts, environment: string): KeyFact | undefined {
  const { sourceOfTruth } = config;
  const file = files.find((each) => each.environment === environment && each.service === sourceOfTruth);
  return file && effective(file, namesOf(config, sourceOfTruth)).find(({ key }) => key !== undefined)?.key;
}

/** @returns what is known of one file */
export function rowOf(file: FileFact, facts: EnvFacts): EnvRow {
  const { config, states } = facts;
  const values = effective(file, namesOf(config, file.service));
  const value = values.find(({ key }) => key !== undefined) ?? values[0];
  const key = value?.key;
  const state = states.find(({ environment }) => environment === file.environment);
  const written = key === undefined ? {} : writtenOf(key, file, state);
  return {
    environment: file.environment,
    service: file.service,
    file: file.path,
    ...(value !== undefined && { line: value.line, name: value.name }),
    ...defined({ fingerprint: key?.fingerprint }),
    ...written,
    ...defined({ dueAt: ifDefined(written.writtenAt, (writtenAt) => writtenAt + config.periodMs) }),
    ...stepOf(file, facts),
    tracked: file.git.tracked,
    ignored: file.git.ignored,
    inRepository: file.git.repository !== undefined,
    ...defined({ mode: ifDefined(file.mode, (mode) => mode.toString(8).padStart(3, '0')) }),
  };
}

/** A key that people had made is as old as the file at least, and as what rekey remembers of it. */
function writtenOf(
  key: KeyFact,
  { changedAt }: FileFact,
  state: RememberedKeys | undefined,
): Pick<EnvRow, 'writtenAt' | 'writtenBy'> {
  const known = state?.keys.filter(({ fingerprint }) => fingerprint === key.fingerprint) ?? [];
  const times = known.flatMap(({ createdAt }) => createdAt ?? []);
  const [written] = times;
  if (written !== undefined && !known.some(({ isFound }) => isFound)) return { writtenAt: written, writtenBy: 'State' };
  const all = [...times, ...(changedAt === undefined ? [] : [changedAt])];
  return all.length === 0 ? {} : { writtenAt: Math.min(...all), writtenBy: 'FileChanged' };
}

function stepOf(file: FileFact, facts: EnvFacts): Pick<EnvRow, 'inStep' | 'why'> {
  const { sourceOfTruth } = facts.config;
  if (file.state === 'Missing') return { inStep: 'No', why: 'file missing' };
  if (file.state === 'Unreadable') return { inStep: 'Unknown', why: 'not readable' };
  const values = effective(file, namesOf(facts.config, file.service));
  const truth = truthOf(facts, file.environment);
  if (values.length === 0) return { inStep: 'No', why: 'name missing' };
  if (values.some(({ ambiguous }) => ambiguous !== undefined)) return { inStep: 'Unknown', why: 'ambiguous value' };
  if (values.some(({ key }) => key === undefined)) return { inStep: 'No', why: 'empty' };
  if (truth === undefined) return { inStep: 'Unknown', why: `key of ${sourceOfTruth} unknown` };
  if (values.some(({ key }) => key?.id !== truth.id)) return { inStep: 'No', why: 'other key' };
  return fallbackStep(file, facts) ?? { inStep: file.service === sourceOfTruth ? 'SourceOfTruth' : 'Yes' };
}

/** @returns undefined if it accepts the older keys that the source of truth accepts */
function fallbackStep(file: FileFact, { config, files }: EnvFacts): Pick<EnvRow, 'inStep' | 'why'> | undefined {
  const truth = files.find((each) => each.environment === file.environment && each.service === config.sourceOfTruth);
  if (truth === undefined) return undefined;
  const same = sameFallbacks(config, file, truth);
  if (same === undefined) return { inStep: 'Unknown', why: 'ambiguous fallbacks' };
  return same ? undefined : { inStep: 'No', why: 'other fallbacks' };
}
