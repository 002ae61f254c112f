/** Findings about what rekey has begun, and what others have done to what it wrote. */
import { defined } from '../base/objects.ts';
import type { EnvFinding } from './finding.ts';
import { shellWord } from './finding.ts';
import { STATE_FOLDER } from './state.ts';
import type { Foreign, StateFacts } from './state-facts.ts';
import type { UnderWay } from './under-way.ts';

/** @returns a finding for each environment that is not as rekey left it, or in which an emergency is not over */
export function stateFindings({ underWay, foreign, cutOff, unfinished }: StateFacts): readonly EnvFinding[] {
  return [
    ...(cutOff === undefined ? [] : [cutOffFinding(cutOff)]),
    ...unfinished.map(setAside),
    ...underWay.filter(({ phase }) => phase === 'Burning').map(openEmergency),
    ...foreign.map(notWritten),
  ];
}

function cutOffFinding({ environment }: NonNullable<StateFacts['cutOff']>): EnvFinding {
  const message =
    'the last step was cut off, so files may have old keys or new ones; the next command that writes ends it or undoes it';
  const fix = environment === undefined ? undefined : [`rekey env continue ${shellWord(environment)}`];
  return { reason: 'StepCutOff', severity: 'error', file: `${STATE_FOLDER}/step`, message, ...defined({ fix }) };
}

function setAside(file: string): EnvFinding {
  const message =
    'a step that an emergency went without; it holds keys. Make the files of all environments alike, then delete it';
  return { reason: 'LeftoverKey', severity: 'error', file, message, fix: [`rm -r ${shellWord(file)}`] };
}

function openEmergency({ environment }: UnderWay): EnvFinding {
  const message = 'an emergency is not over: a service that was not restarted may accept a burnt key';
  const fix = [`rekey env continue ${shellWord(environment)}`];
  return { reason: 'EmergencyOpen', severity: 'error', file: stateFile(environment), environment, message, fix };
}

/**
 * A file that was put back may have a key that left because it was known to others. Before the new key has signed, it is simply left
 * out again.
 */
function notWritten({ environment, file, isKnown, phase }: Foreign): EnvFinding {
  const name = shellWord(environment);
  const mayGoBack = isKnown && phase === 'Staging';
  const way = mayGoBack ? 'go back' : 'burn what is there';
  const which = isKnown ? 'keys of before' : 'keys that rekey does not know';
  const message = `no file has the keys that rekey wrote: they have ${which}. Put the files back as they were; if nobody has them, ${way}`;
  const fix = [
    mayGoBack ? `rekey env abort ${name}` : `rekey env emergency ${name} --reason 'its files were put back'`,
  ];
  return { reason: 'NotWritten', severity: 'error', file, environment, message, fix };
}

function stateFile(environment: string): string {
  return `${STATE_FOLDER}/${environment}.json`;
}
