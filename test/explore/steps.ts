/**
 * The names of all steps between two states, and the order in which a world without faults takes them.
 */
import type { World } from './world.ts';

export const STEPS = {
  adopt: 'rekey',
  // the environment
  start: 'a container starts',
  startUnseen: 'a container starts, the API server shows the one before still',
  reload: 'mounted files are written anew, the service reads them',
  seen: 'the API server shows the new container',
  crash: 'a container crashes',
  startSidecar: 'a sidecar starts',
  crashSidecar: 'a sidecar crashes',
  exit: 'a Terminating pod is gone',
  create: 'a pod is created',
  createOld: 'a pod of an old ReplicaSet is created',
  kill: 'the rollout deletes a pod',
  scaleUp: 'a replica more is asked for',
  scaleDown: 'a replica less is asked for',
  revert: 'GitOps takes the annotation out of the template',
  windowOpens: 'the window opens',
  windowCloses: 'the window closes',
  shorten: 'maxTokenTTL is shortened',
  tick: 'time passes',
  askRotation: 'a rotation is asked for',
  askAbort: 'an abort is asked for',
  askEmergency: 'the key leaks, an emergency is declared',
  freeze: 'the caches stand still from here',
  thaw: 'the caches catch up',
  lift: 'the Secret may be written again',
  heed: 'a person deletes the pod that the operator names',
  // the operator
  decide: 'the operator decides to write',
  write: 'the Secret is written',
  writeUnanswered: 'the Secret is written, the answer is lost',
  writeRefused: 'the write is refused: a quota or a policy is against it',
  writeFailed: 'the write fails: nobody answers, and it was not made',
  writeFailedMade: 'the write fails: nobody answers, and it was made',
  conflict: 'the write is refused: the Secret has changed',
  bump: 'a template is stamped',
  bumpUnanswered: 'a template is stamped, the answer is lost',
  refresh: 'a pod is marked, so that its mounted files are looked at',
  evict: 'a pod is evicted',
  delete: 'a pod is deleted',
  probe: 'the pods answer canaries',
  probeSilent: 'the pods answer canaries, one does not',
  probeLimited: 'the pods answer for the keys in use, and limit the rest',
  prune: 'the operator waits',
  die: 'the operator dies; another starts',
  pause: 'the leader is paused with an action in hand; another leads',
  zombieWrite: 'the paused leader wakes and writes the Secret',
  zombieRefused: 'the paused leader wakes, and its write is refused',
  zombieBump: 'the paused leader wakes and stamps a template',
  zombieEvict: 'the paused leader wakes and evicts',
} as const;

export type StepKind = keyof typeof STEPS;

/** Told of each step that a state allows. `a` and `b` are details for people, see trace.ts. */
export type Emit = (kind: StepKind, next: World, a?: number, b?: number) => void;

/** The world without faults takes the first of these that is possible; steps that are not listed are faults. */
export const FAULT_FREE: readonly StepKind[] = [
  'thaw',
  'seen',
  'zombieWrite',
  'zombieRefused',
  'zombieBump',
  'zombieEvict',
  'write',
  'writeRefused',
  'start',
  'startSidecar',
  'exit',
  'create',
  'kill',
  'decide',
  'bump',
  'refresh',
  'evict',
  'delete',
  'probe',
  'reload',
  'windowOpens',
  'heed',
  'lift',
  'tick',
];
