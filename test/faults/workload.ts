/**
 * What is asked of the operator in a run, and when that is over.
 */
import { randomUUID } from 'node:crypto';
import { REQUEST } from '../../src/rotation/names.ts';
import { requestAbort, requestRotation } from '../support/scenario/rotation.ts';
import type { Lane } from './lane.ts';
import type { Workload } from './plan.ts';

export interface Wish {
  /** Asks for it. */
  begin(): Promise<void>;
  /** Told of each phase of the Secret, once. */
  onPhase(phase: string): Promise<void>;
  /** By what a watch has told of the Secret and the resource. */
  isOver(): boolean;
}

/** Oracles that speak of a rotation: an emergency refuses valid tokens on purpose. */
const GENTLE = [
  'no token rejected',
  'W1 by what pods hold',
  'W2: no key lost',
  'every signer verified by every pod',
  'the outcome is right',
];
const HARSH = ['burnt keys are dead'];

/** Oracles that do not apply to a workload. */
export const EXEMPT: Readonly<Record<Workload, readonly string[]>> = {
  rotate: HARSH,
  abort: HARSH,
  rollback: HARSH,
  emergency: GENTLE,
  leak: GENTLE,
};

export function wishOf(lane: Lane, workload: Workload): Wish {
  const { api, namespace, name, history } = lane;
  let requestedAt: string | undefined;
  const nonce = randomUUID().slice(0, 8);
  const rotate = async (): Promise<void> => {
    requestedAt = await requestRotation(api, namespace, name);
  };
  const burn = async (): Promise<void> => {
    const annotations = { [REQUEST.emergency]: `${nonce}: a drill` };
    await api.patch({ kind: 'JwtKeyRotation', namespace, name }, { metadata: { annotations } });
  };
  const rests = (): boolean => {
    const { status } = lane.resource() ?? {};
    const latest = history.latest();
    return latest?.phase === 'Steady' && status?.phase === 'Steady' && status.keysetVersion === latest.version;
  };
  const rotated = (): boolean => {
    const { status } = lane.resource() ?? {};
    const rotating = status?.conditions?.find(({ type }) => type === 'Rotating')?.status;
    return rests() && status?.lastHandledRotateAt === requestedAt && rotating !== 'True';
  };
  const burnt = (): boolean => {
    const { emergency } = lane.resource()?.status ?? {};
    return rests() && emergency?.nonce === nonce && emergency.keyGoneAt !== undefined;
  };
  const never = async (): Promise<void> => {};
  const at = (wanted: string, act: () => Promise<unknown>) => async (phase: string) => {
    if (phase === wanted) await act();
  };
  const abort = (): Promise<unknown> => requestAbort(api, namespace, name);
  switch (workload) {
    case 'rotate':
      return { begin: rotate, onPhase: never, isOver: rotated };
    case 'abort':
      return { begin: rotate, onPhase: at('Staging', abort), isOver: rotated };
    case 'rollback':
      return { begin: rotate, onPhase: at('Draining', abort), isOver: rotated };
    case 'emergency':
      return { begin: burn, onPhase: never, isOver: burnt };
    case 'leak':
      return { begin: rotate, onPhase: at('Promoting', burn), isOver: burnt };
  }
}
