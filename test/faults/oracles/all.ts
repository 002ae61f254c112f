/**
 * The oracles by name. A plan may say that one does not apply to it, and why.
 */
import type { Evidence, Oracle, Violation } from '../evidence.ts';
import { EXEMPT } from '../workload.ts';
import { bounds, calls, noCrash, noKeyTold, noZombie, restarts, rights } from './conduct.ts';
import { ends, newEverywhere, oldNowhere, oneLeft, onlyOurs, outcome } from './ending.ts';
import { burntDead, cutOffDead, everyPair, oneKey, timesOfWrites, versionRises, w1, w2 } from './keys.ts';
import { traffic } from './traffic.ts';
import { inWindow, stagedNext } from './ways.ts';

export const ORACLES: Readonly<Record<string, Oracle>> = {
  'no token rejected': traffic,
  'W1 by what pods hold': w1,
  'W2: no key lost': w2,
  'every signer verified by every pod': everyPair,
  'burnt keys are dead': burntDead,
  'keys that were cut off are dead': cutOffDead,
  'a cutover waits for its window': inWindow,
  'the staged key is promoted next': stagedNext,
  'one key a rotation': oneKey,
  'version rises': versionRises,
  'writes count from when they were taken': timesOfWrites,
  'it ends in time': ends,
  'the outcome is right': outcome,
  'the new key is accepted everywhere': newEverywhere,
  'old keys are refused everywhere': oldNowhere,
  'old keys have left the Secret': oneLeft,
  'only our fields change': onlyOurs,
  'no key byte is told': noKeyTold,
  'few API calls': calls,
  'only our rights': rights,
  'the operator lives': noCrash,
  'old leaders write nothing': noZombie,
  'few restarts': restarts,
  'replacements have a bound': bounds,
};

export function judge(evidence: Evidence): readonly Violation[] {
  return Object.entries(ORACLES).flatMap(([oracle, find]) => {
    const { without, workload } = evidence.plan;
    if (without?.[oracle] !== undefined || EXEMPT[workload].includes(oracle)) return [];
    return find(evidence)
      .slice(0, 3)
      .map((message) => ({ oracle, message }));
  });
}
