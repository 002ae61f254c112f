/**
 * The worlds that are explored, by name.
 */
import { type Config, faults, type TargetConfig } from './config.ts';

const main: TargetConfig = { name: 'main', roles: ['Signer', 'Verifier'], replicas: 1, canary: true };
const admin: TargetConfig = { name: 'admin', roles: ['Verifier'], replicas: 1, canary: true };
const minter: TargetConfig = { name: 'minter', roles: ['Signer'], replicas: 1, canary: false };

const ONE: Omit<Config, 'name'> = {
  targets: [main],
  ...{ nodes: 1, maxPods: 2, rotations: 1, aborts: 1, nodeLag: 'served', tickMs: 60_000, drainTicks: 1 },
  faults: faults(),
};

const ALL: Readonly<Record<string, Omit<Config, 'name'>>> = {
  // one service that signs and verifies
  dual: { ...ONE, faults: faults('restart') },
  again: { ...ONE, rotations: 2, aborts: 0 },
  twice: { ...ONE, rotations: 2, aborts: 2, faults: faults('restart') },
  nodes: { ...ONE, nodes: 2, drainTicks: 2, faults: faults('restart') },
  lag: { ...ONE, faults: faults('restart', 'statusLag') },
  gitops: { ...ONE, drainTicks: 2, faults: faults('restart', 'revert') },
  created: { ...ONE, absent: true, aborts: 0, faults: faults('restart') },
  window: { ...ONE, faults: faults('window') },
  silence: { ...ONE, drainTicks: 2, faults: faults('silence', 'restart') },
  shorten: { ...ONE, drainTicks: 2, faults: faults('shorten') },
  zombie: { ...ONE, faults: faults('zombie', 'restart') },
  stale: { ...ONE, nodes: 2, drainTicks: 2, faults: faults('staleCache') },
  scale: { ...ONE, faults: faults('scale') },
  found: { ...ONE, drainTicks: 2, found: true, faults: faults('restart') },
  foundHalf: { ...ONE, drainTicks: 2, found: true, half: true, faults: faults('restart') },
  leak: { ...ONE, drainTicks: 2, aborts: 0, emergencies: 1, faults: faults('restart') },
  leakAbort: { ...ONE, emergencies: 1, faults: faults('window') },
  leakLeaders: {
    ...ONE,
    rotations: 0,
    aborts: 0,
    emergencies: 1,
    faults: faults('zombie', 'staleCache', 'statusLag', 'restart'),
  },
  leakRolling: { ...ONE, aborts: 0, emergencies: 2, emergencyMode: 'Rolling', faults: faults('revert') },
  leakManual: {
    ...ONE,
    targets: [{ ...main, manual: true }],
    aborts: 0,
    emergencies: 1,
    emergencyMode: 'Rolling',
    faults: faults('restart'),
  },
  manual: { ...ONE, targets: [{ ...main, manual: true }], nodes: 2, faults: faults('restart') },
  // two services, of other roles
  pair: { ...ONE, targets: [main, admin] },
  inferred: { ...ONE, targets: [minter, admin], faults: faults('restart') },
  unfit: { ...ONE, targets: [main, { ...admin, singleKey: true }] },
  void: { ...ONE, targets: [main, { ...admin, verifiesNothing: true }] },
  blind: { ...ONE, targets: [{ ...main, canary: false }], nodes: 2, faults: faults('restart', 'revert') },
  blindPair: { ...ONE, targets: [minter, { ...admin, canary: false }], faults: faults('restart') },
  leakRollingInferred: {
    ...{ ...ONE, targets: [main, minter], rotations: 0, aborts: 0, emergencies: 1, emergencyMode: 'Rolling' },
    faults: faults('restart'),
  },
  leakInferred: { ...ONE, targets: [main, minter], rotations: 0, aborts: 0, emergencies: 1 },
  leakUnfit: {
    ...ONE,
    targets: [{ ...main, singleKey: true }],
    rotations: 0,
    aborts: 0,
    emergencies: 1,
    faults: faults('restart'),
  },
  // services that hold one key only
  cutover: { ...ONE, targets: [{ ...main, singleKey: true }], strategy: 'Cutover', faults: faults('window') },
  cutoverAuto: { ...ONE, targets: [{ ...main, singleKey: true }], strategy: 'Auto', faults: faults('restart') },
  // that it holds one key only is told from a stale Secret by the time at which its pod started
  cutoverSpared: { ...ONE, nodeLag: 'settle', strategy: 'Auto', faults: faults('window') },
  cutoverLeak: { ...ONE, targets: [{ ...main, singleKey: true }], strategy: 'Cutover', aborts: 0, emergencies: 1 },
  cutoverPair: { ...ONE, targets: [main, { ...admin, singleKey: true }], strategy: 'Auto', aborts: 0 },
  cutoverLeaders: {
    ...ONE,
    targets: [{ ...main, singleKey: true }],
    strategy: 'Cutover',
    faults: faults('zombie', 'restart'),
  },
  // other ways to stage and to retire
  preStage: { ...ONE, rotations: 2, preStage: true, faults: faults('window') },
  preStageNodes: { ...ONE, nodes: 2, rotations: 2, aborts: 0, preStage: true, faults: faults('restart') },
  preStageLeak: { ...ONE, rotations: 2, aborts: 0, emergencies: 1, preStage: true },
  lazy: { ...ONE, rotations: 2, aborts: 0, retireMode: 'Lazy', faults: faults('restart') },
  lazyRoles: { ...ONE, targets: [minter, admin], rotations: 2, aborts: 0, retireMode: 'Lazy' },
  // services that know one key besides the one that signs
  previous: {
    ...ONE,
    targets: [{ ...main, onePrevious: true }],
    nodes: 2,
    nodeLag: 'settle',
    faults: faults('restart'),
  },
  previousTwice: { ...ONE, targets: [{ ...main, onePrevious: true }], rotations: 2, faults: faults('window') },
  previousPair: { ...ONE, targets: [main, { ...admin, onePrevious: true }], nodeLag: 'settle', aborts: 0 },
  previousLeak: {
    ...ONE,
    targets: [{ ...main, onePrevious: true }],
    aborts: 0,
    emergencies: 1,
    nodeLag: 'settle',
    faults: faults('restart'),
  },
  // services that read a list in which two keys fit beside the one that signs
  room: { ...ONE, rotations: 2, aborts: 0, room: 2, faults: faults('restart') },
  roomFound: { ...ONE, drainTicks: 2, found: true, room: 2, faults: faults('restart') },
  roomPreStage: { ...ONE, rotations: 2, aborts: 0, preStage: true, room: 2, faults: faults('window') },
  // mounted files
  file: { ...ONE, targets: [{ ...main, file: true }], faults: faults('restart') },
  fileNodes: { ...ONE, targets: [{ ...main, file: true }], nodes: 2, drainTicks: 2 },
  filePair: { ...ONE, targets: [main, { ...admin, file: true }], aborts: 0 },
  fileLeak: { ...ONE, targets: [{ ...main, file: true }], aborts: 0, emergencies: 1 },
  // what fooled it once
  limits: { ...ONE, drainTicks: 2, counted: true, faults: faults('limits', 'restart') },
  limitsLeak: { ...ONE, rotations: 0, aborts: 0, emergencies: 1, counted: true, faults: faults('limits') },
  copy: { ...ONE, targets: [{ ...main, copy: true }], counted: true, faults: faults('restart') },
  copyLeak: {
    ...ONE,
    targets: [{ ...main, copy: true }],
    aborts: 0,
    emergencies: 1,
    counted: true,
    faults: faults('limits'),
  },
  copyLeakSettled: {
    ...{ ...ONE, targets: [{ ...main, copy: true }], rotations: 0, aborts: 0, emergencies: 1, counted: true },
    ...{ nodeLag: 'settle', faults: faults('restart', 'limits') },
  },
  clocks: { ...ONE, targets: [minter, admin], kubeletAheadMs: 5_000, counted: true },
  clocksRestart: { ...ONE, targets: [minter, admin], aborts: 0, kubeletAheadMs: 5_000, faults: faults('restart') },
  clocksLeak: {
    ...{
      ...ONE,
      targets: [main, minter],
      rotations: 0,
      aborts: 0,
      emergencies: 1,
      kubeletAheadMs: 5_000,
      counted: true,
    },
    faults: faults('restart'),
  },
  // two services on two nodes: a pod may come to a node that has served the other service only
  lagging: { ...ONE, targets: [minter, admin], nodes: 2, nodeLag: 'settle', aborts: 0 },
  roles: { ...ONE, targets: [main, admin], nodes: 2, nodeLag: 'settle', aborts: 0 },
  minter: { ...ONE, targets: [minter, admin], nodes: 2, nodeLag: 'settle', faults: faults('restart') },
  // writes that a quota or a policy refuses
  refusedPromote: { ...ONE, refuses: ['promote'], faults: faults('restart') },
  refusedLeak: { ...ONE, refuses: ['promote'], aborts: 0, emergencies: 1 },
  refusedRetire: { ...ONE, refuses: ['retire'] },
  refusedBurn: { ...ONE, refuses: ['burn'], aborts: 0, emergencies: 1 },
  refusedAwhile: { ...ONE, refuses: ['promote', 'retire'], faults: faults('lift') },
  // writes that fail, and may have been made
  failedWrites: {
    ...{ ...ONE, aborts: 0, fails: ['adopt', 'stage', 'promote', 'drain', 'retire', 'finish'] },
    faults: faults('restart'),
  },
  failedAbort: { ...ONE, fails: ['promote', 'abort', 'rollback'] },
  failedLeak: { ...ONE, aborts: 0, emergencies: 1, fails: ['promote', 'burn', 'extinguish'] },
  failedCutover: {
    ...{ ...ONE, targets: [{ ...main, singleKey: true }], strategy: 'Cutover', aborts: 0 },
    fails: ['cutover', 'finish'],
  },
  // a second container signs, and nobody asks it
  sidecarUnasked: {
    ...{ ...ONE, targets: [{ ...main, canary: false, sidecar: true }], aborts: 0 },
    faults: faults('restart'),
  },
  sidecar: { ...ONE, targets: [{ ...main, sidecar: true }], aborts: 0 },
  sidecarManual: { ...ONE, targets: [{ ...main, sidecar: true, manual: true }], aborts: 0, faults: faults('restart') },
  sidecarRestart: { ...ONE, targets: [{ ...main, sidecar: true }], aborts: 0, faults: faults('restart') },
  sidecarLeak: {
    ...{ ...ONE, targets: [{ ...main, sidecar: true }], rotations: 0, aborts: 0, emergencies: 1 },
    faults: faults('restart'),
  },
  // all at once
  people: { ...ONE, nodes: 2, drainTicks: 2, faults: faults('statusLag', 'revert', 'window', 'silence', 'shorten') },
  leaders: { ...ONE, faults: faults('zombie', 'staleCache') },
  crowd: { ...ONE, targets: [main, admin], aborts: 0, faults: faults('restart') },
};

export const CONFIGS: Readonly<Record<string, Config>> = Object.fromEntries(
  Object.entries(ALL).map(([name, config]) => [name, { name, ...config }]),
);

const SMALL = [
  'again',
  'created',
  'window',
  'shorten',
  'lagging',
  'leakInferred',
  'void',
  'cutover',
  'fileLeak',
  'limitsLeak',
  'copyLeakSettled',
  'refusedLeak',
  'refusedRetire',
  'refusedBurn',
  'failedLeak',
  'failedCutover',
  'sidecarUnasked',
  'sidecar',
  'sidecarLeak',
];
const LARGE = [
  'gitops',
  'zombie',
  'scale',
  'twice',
  'pair',
  'inferred',
  'minter',
  'people',
  'leaders',
  'crowd',
  'clocksRestart',
];

/** Names that stand for several configs. */
export const GROUPS: Readonly<Record<string, readonly string[]>> = {
  small: SMALL,
  medium: Object.keys(ALL).filter((name) => !SMALL.includes(name) && !LARGE.includes(name)),
  large: LARGE,
  all: Object.keys(ALL),
};
