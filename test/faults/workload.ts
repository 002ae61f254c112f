/**
 * What is asked of the operator in a run, and when that is over.
 */
import { randomUUID } from 'node:crypto';
import { REQUEST } from '../../src/rotation/api/names.ts';
import type { KubeObject } from '../support/cluster/kubeobject.ts';
import { requestAbort } from '../support/scenario/rotation.ts';
import { ALWAYS_OPEN } from './fleet.ts';
import type { Lane } from './lane.ts';
import { patience } from './patience.ts';
import type { Workload } from './plan.ts';

export interface Wish {
  /** Asks for it. */
  begin(): Promise<void>;
  /** Told of each phase of the Secret, once. */
  onPhase(phase: string): Promise<void>;
  /** Called again and again: asks for what comes next, once it is time for that. */
  goOn(): Promise<void>;
  /** By what a watch has told of the Secret and the resource. */
  isOver(): boolean;
  /** Puts the spec back to what it was. */
  end(): Promise<void>;
  /** The version of the resource from which a cutover is allowed; undefined before that, and where none is wanted. */
  allowedFrom(): bigint | undefined;
}

/** Oracles that speak of a rotation in which both keys are accepted. */
const OVERLAP = ['W1 by what pods hold', 'W2: no key lost', 'every signer verified by every pod'];
/** An emergency refuses valid tokens on purpose. */
const GENTLE = [...OVERLAP, 'no token rejected', 'the outcome is right'];
const HARSH = ['burnt keys are dead'];
const CUTOVER = ['keys that were cut off are dead', 'a cutover waits for its window'];
const STAGED = ['the staged key is promoted next'];
const USUAL = [...HARSH, ...CUTOVER, ...STAGED];

/** Oracles that do not apply to a workload. */
export const EXEMPT: Readonly<Record<Workload, readonly string[]>> = {
  rotate: USUAL,
  abort: USUAL,
  rollback: USUAL,
  emergency: [...GENTLE, ...CUTOVER, ...STAGED],
  leak: [...GENTLE, ...CUTOVER, ...STAGED],
  // what it promises of tokens is told apart in 'no token rejected'
  cutover: [...OVERLAP, ...HARSH, ...STAGED],
  preStage: [...HARSH, ...CUTOVER],
  lazy: USUAL,
  files: USUAL,
};

/** What a workload needs of the spec meanwhile, and what takes it away again. */
function specOf(workload: Workload): { readonly to: object; readonly back: object } | undefined {
  switch (workload) {
    case 'preStage':
      return { to: { preStage: true }, back: { preStage: null } };
    case 'lazy':
      return { to: { retire: { mode: 'Lazy' } }, back: { retire: { mode: null } } };
    case 'cutover':
      return { to: { maintenanceWindows: [notNow()] }, back: { maintenanceWindows: [ALWAYS_OPEN] } };
    default:
      return undefined;
  }
}

/** A window is opened after this at the latest: a fault may keep the operator from telling that it waits for it. */
const WAITS_MS = 15_000;

function notNow(): object {
  const inSixHours = (new Date().getUTCHours() + 6) % 24;
  return { kind: 'Allow', schedule: `0 ${inSixHours} * * *`, duration: '1h' };
}

export function wishOf(lane: Lane, workload: Workload): Wish {
  const { api, namespace, name, history } = lane;
  const target = { kind: 'JwtKeyRotation', namespace, name };
  const spec = specOf(workload);
  const nonce = randomUUID().slice(0, 8);
  let requestedAt: string | undefined;
  let round = 0;
  let allowedFrom: bigint | undefined;

  const edit = (annotations: object, to: object = {}): Promise<KubeObject> =>
    api.patch(target, { metadata: { annotations }, spec: to });
  const rotate = async (to?: object): Promise<void> => {
    round += 1;
    requestedAt = new Date().toISOString();
    await edit({ [REQUEST.rotateAt]: requestedAt }, to);
  };
  const burn = (): Promise<KubeObject> => edit({ [REQUEST.emergency]: `${nonce}: a drill` });
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
  const waits = (): boolean => {
    const told = lane.resource()?.status?.conditions?.some(({ reason }) => reason === 'OutsideWindow');
    return told === true || Date.now() > Date.parse(requestedAt ?? '') + WAITS_MS * patience();
  };
  const open = async (): Promise<void> => {
    if (allowedFrom !== undefined || spec === undefined || !waits()) return;
    const { metadata } = await edit({}, spec.back);
    allowedFrom = BigInt(metadata.resourceVersion ?? 0);
  };
  const never = async (): Promise<void> => {};
  const at = (wanted: string, act: () => Promise<unknown>) => async (phase: string) => {
    if (phase === wanted) await act();
  };
  const abort = (): Promise<unknown> => requestAbort(api, namespace, name);
  const rotation: Wish = {
    begin: () => rotate(spec?.to),
    onPhase: never,
    goOn: never,
    isOver: rotated,
    end: async () => {
      if (spec !== undefined) await edit({}, spec.back);
    },
    allowedFrom: () => allowedFrom,
  };
  const twice = (next?: object): Wish => ({
    ...rotation,
    goOn: async () => {
      if (round === 1 && rotated()) await rotate(next);
    },
    isOver: () => round === 2 && rotated(),
  });
  switch (workload) {
    case 'rotate':
    case 'files':
      return rotation;
    case 'abort':
      return { ...rotation, onPhase: at('Staging', abort) };
    case 'rollback':
      return { ...rotation, onPhase: at('Draining', abort) };
    case 'emergency':
      return { ...rotation, begin: async () => void (await burn()), isOver: burnt };
    case 'leak':
      return { ...rotation, onPhase: at('Promoting', burn), isOver: burnt };
    case 'cutover':
      return { ...rotation, goOn: open };
    case 'preStage':
      // the second promotes what is staged, and stages nothing: all is as it was
      return twice(spec?.back);
    case 'lazy':
      return twice();
  }
}
