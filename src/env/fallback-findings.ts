/** Findings about the lists of older keys: all services of an environment must accept the same ones. */
import type { EnvFinding } from './finding.ts';
import type { EnvFacts, FileFact, ValueFact } from './observe.ts';

/** @returns a finding for each list that readers take differently, or that differs from that of the source of truth */
export function fallbackFindings({ config, files }: EnvFacts): readonly EnvFinding[] {
  const read = files.filter(({ state }) => state === 'Read');
  return read.flatMap((file): readonly EnvFinding[] => {
    const unclear = file.fallbacks.find(({ ambiguous }) => ambiguous !== undefined);
    if (unclear !== undefined) {
      const message = `programs read this list differently: ${unclear.ambiguous}`;
      return [{ reason: 'AmbiguousValue', severity: 'error', ...placeOf(file, unclear), message }];
    }
    const truth = read.find((each) => each.environment === file.environment && each.service === config.sourceOfTruth);
    if (truth === undefined || fallbackIds(truth) === undefined || fallbackIds(truth) === fallbackIds(file)) return [];
    const message = `accepts ${listed(file)}, and ${truth.service} accepts ${listed(truth)}: a token that one of them accepts, the other refuses`;
    const place = { ...placeOf(file, file.fallbacks[0]), name: config.fallbacksName };
    return [
      { reason: 'FallbacksDiffer', severity: 'error', ...place, message, fix: [`rekey env sync ${file.environment}`] },
    ];
  });
}

function placeOf({ path, environment, service }: FileFact, value: ValueFact | undefined) {
  const at = value === undefined ? {} : { line: value.line, name: value.name };
  return { file: path, ...at, environment, service };
}

/** @returns the same text for equal lists in any order; undefined if a list is unclear */
export function fallbackIds({ fallbacks }: FileFact): string | undefined {
  if (fallbacks.some(({ ambiguous }) => ambiguous !== undefined)) return undefined;
  return fallbacks
    .map(({ key }) => key?.id)
    .sort()
    .join();
}

function listed({ fallbacks }: FileFact): string {
  const fingerprints = fallbacks.flatMap(({ key }) => key?.fingerprint ?? []);
  return fingerprints.length === 0 ? 'no older key' : fingerprints.join(', ');
}
