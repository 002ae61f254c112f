/** Findings about keys that an emergency has burnt, and that are in a file all the same. */
import { defined } from '../base/objects.ts';
import type { BurntFact } from './burnt.ts';
import type { EnvFinding } from './finding.ts';
import type { EnvFacts, FileFact } from './observe.ts';
import { namesOf } from './rows.ts';

/** @returns a finding for each line that holds a burnt key, whichever environment burnt it */
export function burntFindings(facts: EnvFacts): readonly EnvFinding[] {
  return facts.files.flatMap((file) => [
    ...file.burnt.map((burnt) => burntFinding(file, burnt, facts)),
    ...(file.burntUnknown ? [notSearched(file)] : []),
  ]);
}

function notSearched({ path, environment, service }: FileFact): EnvFinding {
  const message = 'not searched to its end for burnt keys: it is too long';
  return { reason: 'NotSearched', severity: 'warning', file: path, environment, service, message };
}

function burntFinding(file: FileFact, burnt: BurntFact, facts: EnvFacts): EnvFinding {
  const { line, name, isAssigned, isLikely, burntIn } = burnt;
  const where = burntIn.join(' and ');
  const what = isLikely
    ? `the key has the short fingerprint of one that was burnt in ${where}, and may be another`
    : `a key that was burnt in ${where}`;
  const names = [...namesOf(facts.config, file.service), facts.config.fallbacksName];
  const isInUse = isAssigned && name !== undefined && names.includes(name);
  return {
    reason: 'BurntKey',
    severity: 'error',
    ...{ file: file.path, line, environment: file.environment, service: file.service },
    ...defined({ name }),
    alsoIn: burntIn.filter((each) => each !== file.environment),
    message: `${what}: ${isInUse ? 'whoever has it can sign tokens for this service' : advice(isAssigned)}`,
    ...(isInUse && { fix: [fixIn(file.environment, burntIn, facts)] }),
  };
}

function advice(isAssigned: boolean): string {
  return isAssigned ? 'rekey does not change this variable; give it another value' : 'delete this line';
}

function fixIn(environment: string, burntIn: readonly string[], facts: EnvFacts): string {
  if (burntIn.includes(environment) && hasOwnKey(environment, facts)) return `rekey env sync ${environment}`;
  return `rekey env emergency ${environment} --reason 'its key was burnt in ${burntIn.join(' and ')}'`;
}

/** Whether a file has a key that rekey wrote and nobody has burnt: without one there is nothing to put back. */
function hasOwnKey(environment: string, { files, states }: EnvFacts): boolean {
  const known = states.filter((state) => state.environment === environment).flatMap(({ keys }) => keys);
  const own = new Set(known.filter(({ isBurnt }) => !isBurnt).map(({ fingerprint }) => fingerprint));
  return files
    .filter((file) => file.environment === environment)
    .some(({ values, fallbacks }) => [...values, ...fallbacks].some(({ key }) => key && own.has(key.fingerprint)));
}
