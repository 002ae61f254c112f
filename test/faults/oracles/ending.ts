/**
 * How a rotation ends: in time, with the new key everywhere and the old one nowhere, and with nothing else touched.
 */
import type { Oracle } from '../evidence.ts';
import { hasLag } from '../person.ts';
import type { Workload } from '../plan.ts';

/** The rotation is over within the bound, and the resource says so truthfully. */
export const ends: Oracle = ({ ending: { ended, resource, seconds }, records }) => {
  const { phase, conditions = [], keysetVersion } = resource?.status ?? {};
  const told = conditions
    .map(({ type, status, reason, message }) => `${type}=${status} ${reason}: ${message}`)
    .join('; ');
  if (!ended) return [`not over ${seconds.toFixed(0)} s after the last fault: phase ${phase}, ${told}`];
  const ready = conditions.find(({ type }) => type === 'Ready');
  const newest = records.at(-1)?.version;
  if (ready?.status !== 'True') return [`it is over, but Ready is ${ready?.status}: ${ready?.reason}`];
  return keysetVersion === newest ? [] : [`status tells version ${keysetVersion}, the Secret ${newest}`];
};

/** A wish to stop that is heard late, because of a fault, is answered as far as it still can be. */
const WANTED: Readonly<Record<Workload, readonly string[]>> = {
  rotate: ['Completed'],
  abort: ['Aborted', 'RolledBack'],
  rollback: ['RolledBack', 'Completed'],
  emergency: ['Completed'],
  leak: ['Completed'],
  cutover: ['Completed'],
  preStage: ['Completed'],
  lazy: ['Completed'],
  files: ['Completed'],
};

/**
 * Completed, unless the workload asks for something else. Where all nodes lag for longer than the operator was told, a staged
 * key seems to be refused by the service, and to abort is right.
 */
export const outcome: Oracle = ({ plan, ending: { ended, resource } }) => {
  if (!ended) return [];
  const { outcome: told = 'none', failure } = resource?.status?.history?.[0] ?? {};
  const seemsUnfit = hasLag(plan) && failure?.startsWith('SingleKeyService') === true;
  const wanted = [...WANTED[plan.workload], ...(seemsUnfit ? ['Aborted'] : [])];
  return wanted.includes(told) ? [] : [`outcome ${told} instead of ${wanted.join(' or ')}`];
};

export const newEverywhere: Oracle = ({ ending: { ended, pods } }) =>
  ended
    ? pods.filter((pod) => pod.acceptsNew !== 'accepted').map(({ pod }) => `${pod} does not accept the new key`)
    : [];

export const oldNowhere: Oracle = ({ ending: { ended, pods } }) =>
  ended ? pods.filter((pod) => pod.acceptsOld !== 'refused').map(({ pod }) => `${pod} still accepts an old key`) : [];

/** Whoever asks for a retired key finds none: one key signs, and one ack key is beside it. */
export const oneLeft: Oracle = ({ ending: { ended }, records }) => {
  const left = records.at(-1)?.fallbacks.length ?? 0;
  return ended && left !== 1 ? [`it is over and ${left} keys are in the fallbacks`] : [];
};

/** L7. */
export const onlyOurs: Oracle = ({ before, after }) =>
  [...new Set([...before.keys(), ...after.keys()])].flatMap((object) =>
    before.get(object) === after.get(object)
      ? []
      : [`${object} has changed: ${difference(before.get(object), after.get(object))}`],
  );

function difference(before = '', after = ''): string {
  let at = 0;
  while (at < before.length && before[at] === after[at]) at += 1;
  const from = Math.max(0, at - 60);
  return `…${before.slice(from, at + 80)}… became …${after.slice(from, at + 80)}…`;
}
