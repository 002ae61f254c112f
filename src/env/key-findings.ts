/** Findings about keys: shared, weak, old, different from the source of truth, read differently by different readers. */
import { defined } from '../base/objects.ts';
import { formatDuration } from '../rotation/schedule/duration.ts';
import { environmentsOf } from './env-config.ts';
import type { EnvFinding } from './finding.ts';
import type { EnvFacts, FileFact, KeyFact, ValueFact } from './observe.ts';
import { type EnvRow, effective, namesOf, truthOf } from './rows.ts';

/** The first occurrence of a key in an environment; the source of truth comes first. */
interface Held {
  readonly file: FileFact;
  readonly value: ValueFact;
  readonly key: KeyFact;
}

/** @param rows of the same facts */
export function keyFindings(facts: EnvFacts, rows: readonly EnvRow[], now: number): readonly EnvFinding[] {
  const held = heldIn(facts);
  return [
    ...sharedBetween(facts, held),
    ...held.flatMap(weak),
    ...due(facts, rows, now),
    ...facts.files.filter(({ state }) => state === 'Read').flatMap((file) => valueFindings(file, facts)),
  ];
}

function heldIn({ config, files }: EnvFacts): readonly Held[] {
  const isTruth = ({ service }: FileFact) => service === config.sourceOfTruth;
  const all = [...files.filter(isTruth), ...files.filter((file) => !isTruth(file))].flatMap((file) =>
    [...file.values, ...file.fallbacks].flatMap((value) =>
      value.key === undefined ? [] : [{ file, value, key: value.key }],
    ),
  );
  const isFirst = ({ file, key }: Held, i: number) =>
    all.findIndex((other) => other.key.id === key.id && other.file.environment === file.environment) === i;
  return all.filter(isFirst);
}

const rotate = (environment: string) => [`rekey env rotate ${environment}`];

/** One finding for each key, at the most important environment, which should get a new key. */
function sharedBetween({ config }: EnvFacts, held: readonly Held[]): readonly EnvFinding[] {
  const order = environmentsOf(config);
  const groups = [...Map.groupBy(held, ({ key }) => key.id).values()].filter((group) => group.length > 1);
  return groups.flatMap((group) => {
    const byOrder = group.toSorted((a, b) => order.indexOf(a.file.environment) - order.indexOf(b.file.environment));
    const last = byOrder.at(-1);
    if (last === undefined) return [];
    const others = byOrder.slice(0, -1).map(({ file, value }) => `${file.environment} (${file.path}:${value.line})`);
    const message = `${last.file.environment} has the same key as ${others.join(', ')}: a token of one is valid in the other`;
    const fix = byOrder.slice(1).flatMap(({ file }) => rotate(file.environment));
    const alsoIn = byOrder.slice(0, -1).map(({ file }) => file.environment);
    return [
      {
        reason: 'SameKeyInEnvironments',
        severity: 'error',
        ...placeOf(last.file, last.value),
        alsoIn,
        message,
        fix,
      } as const,
    ];
  });
}

function weak({ file, value, key }: Held): readonly EnvFinding[] {
  const place = { severity: 'error', ...placeOf(file, value), fix: rotate(file.environment) } as const;
  const found: EnvFinding[] = [];
  if (key.weakness === 'PubliclyKnown') {
    const message = 'the key is publicly known: a placeholder, or the example of a tutorial';
    found.push({ reason: 'PubliclyKnownKey', ...place, message });
  }
  if (key.weakness === 'Guessable') {
    found.push({ reason: 'GuessableKey', ...place, message: 'the key can be guessed: it is too short, or not random' });
  }
  if (key.unfit !== undefined) found.push({ reason: 'KeyUnfit', ...place, message: `the key ${key.unfit}` });
  return found;
}

/** Judged by the source of truth. If only the time of the file is known, the key is at least that old. */
function due({ config }: EnvFacts, rows: readonly EnvRow[], now: number): readonly EnvFinding[] {
  return rows.flatMap(({ environment, service, file, line, name, writtenAt, dueAt = Number.POSITIVE_INFINITY }) => {
    if (service !== config.sourceOfTruth || writtenAt === undefined || now < dueAt) return [];
    const age = formatDuration(now - writtenAt, 1);
    const message = `the key is at least ${age} old; the period is ${formatDuration(config.periodMs)}`;
    const place = {
      file,
      ...defined({ line, name }),
      environment,
      service,
    };
    return [{ reason: 'RotationDue', severity: 'error', ...place, message, fix: rotate(environment) } as const];
  });
}

function placeOf({ path, environment, service }: FileFact, { line, name }: ValueFact) {
  return { file: path, line, name, environment, service };
}

function valueFindings(file: FileFact, facts: EnvFacts): readonly EnvFinding[] {
  const names = namesOf(facts.config, file.service);
  const values = effective(file, names);
  const truth = truthOf(facts, file.environment);
  return [
    ...missingNames(file, names, facts),
    ...values.flatMap((value) => valueFinding(file, value, truth, facts)),
    ...names.flatMap((name) => duplicate(file, name)),
  ];
}

/** A file needs at least one of the names; only the service knows which others it needs. */
function missingNames(file: FileFact, names: readonly string[], { config }: EnvFacts): readonly EnvFinding[] {
  const { path, environment, service } = file;
  const base = { reason: 'NameMissing', file: path, environment, service } as const;
  const missing = names.filter((name) => !file.values.some((value) => value.name === name));
  if (missing.length < names.length) {
    const message = `not assigned here, unlike in other files of ${service}`;
    return missing.map((name) => ({ ...base, severity: 'warning', name, message }));
  }
  const fix = service === config.sourceOfTruth ? [] : [`rekey env sync ${environment}`];
  return [{ ...base, severity: 'error', message: `does not assign ${names.join(' or ')}`, fix }];
}

function valueFinding(
  file: FileFact,
  value: ValueFact,
  truth: KeyFact | undefined,
  { config }: EnvFacts,
): readonly EnvFinding[] {
  const { sourceOfTruth } = config;
  const place = { severity: 'error', ...placeOf(file, value) } as const;
  const isTruth = file.service === sourceOfTruth;
  const fix = isTruth ? [] : [`rekey env sync ${file.environment}`];
  if (value.ambiguous !== undefined) {
    return [
      { reason: 'AmbiguousValue', ...place, message: `programs read this value differently: ${value.ambiguous}` },
    ];
  }
  if (value.key === undefined) {
    const message = isTruth
      ? 'the value is empty; put in a key: rekey generate --format raw prints one'
      : 'the value is empty';
    return [{ reason: 'KeyEmpty', ...place, message, fix }];
  }
  if (truth === undefined || value.key.id === truth.id) return [];
  const message = isTruth
    ? 'it differs from the first name of the key in this file'
    : `not the key of ${sourceOfTruth}: tokens of one are refused by the other`;
  return [{ reason: 'KeyDiffers', ...place, message, fix }];
}

function duplicate(file: FileFact, name: string): readonly EnvFinding[] {
  const values = file.values.filter((value) => value.name === name);
  const [first, ...rest] = values;
  const last = rest.at(-1);
  if (first === undefined || last === undefined) return [];
  // an ambiguous value may be the same or another one, and has a finding already
  const ids = new Set(
    values.map(({ key, ambiguous }) => (ambiguous === undefined ? (key?.id ?? 'empty') : first.key?.id)),
  );
  if (ids.size < 2) return [];
  const lines = values.map(({ line }) => line).join(', ');
  const message = `assigned in lines ${lines} with different values; the last one counts: remove the others`;
  return [{ reason: 'DuplicateName', severity: 'error', ...placeOf(file, last), message }];
}
