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
    if (truth === undefined || sameFallbacks(config, file, truth) !== false) return [];
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

/**
 * A list may have a key twice, or the signing key, too: what counts is which tokens are accepted. A service that
 * verifies no token needs no list.
 *
 * @returns whether the two files accept each other's older keys; undefined if that is unclear
 */
export function sameFallbacks(config: EnvFacts['config'], file: FileFact, truth: FileFact): boolean | undefined {
  const verifies = ({ service }: FileFact) =>
    config.services.find(({ name }) => name === service)?.roles.includes('Verifier') !== false;
  if (!verifies(file) || !verifies(truth)) return true;
  const all = [file, truth].flatMap(({ values, fallbacks }) => [...values, ...fallbacks]);
  if (all.some(({ ambiguous }) => ambiguous !== undefined)) return undefined;
  const accepts = ({ values, fallbacks }: FileFact, { key }: ValueFact) =>
    key === undefined || [...values, ...fallbacks].some((own) => own.key?.id === key.id);
  return (
    file.fallbacks.every((value) => accepts(truth, value)) && truth.fallbacks.every((value) => accepts(file, value))
  );
}

function listed({ fallbacks }: FileFact): string {
  const fingerprints = [...new Set(fallbacks.flatMap(({ key }) => key?.fingerprint ?? []))];
  return fingerprints.length === 0 ? 'no older key' : fingerprints.join(', ');
}
