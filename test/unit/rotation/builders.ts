/** Facts for planner tests: a healthy world of three services on keyset version 1, and edits of it. */

import type { Answer, Facts, PodFacts, Probe, TargetFacts, WorkloadFacts } from '../../../src/rotation/facts.ts';
import { foundKeyset } from '../../../src/rotation/keyset/before.ts';
import type { ForeignTime } from '../../../src/rotation/keyset/foreign-times.ts';
import { currentShape, type Keyset, type Kid, type Role } from '../../../src/rotation/keyset/keyset.ts';
import { EMPTY_LEDGER } from '../../../src/rotation/keyset/ledger.ts';
import { advance } from '../../../src/rotation/keyset/transition.ts';
import { makesKey, type Write } from '../../../src/rotation/keyset/writes.ts';
import { canaryOf } from '../../../src/rotation/settings/canary-settings.ts';
import type { Settings, TargetSettings } from '../../../src/rotation/settings/settings.ts';
import { foreignTimesOf, readUpTo } from '../../../src/rotation/workloads/starts.ts';

export const T0 = Date.UTC(2026, 0, 1);
export const SETTLE_MS = 10_000;
/** The writes of the keysets below have reached every node. */
export const SETTLED = T0 + SETTLE_MS;
const canary = canaryOf({ path: '/auth/verify', port: 8000 }, {});

export const SETTINGS: Settings = {
  secretName: 'jwt',
  environment: 'production',
  cadence: { kind: 'Period', periodMs: 90 * 86_400_000 },
  suspend: false,
  windows: [],
  strategy: 'Auto',
  allowCutover: false,
  preStage: false,
  retireMode: 'Eager',
  maxTokenTtlMs: 3_600_000,
  clockSkewMs: 60_000,
  drainMs: 4_560_000,
  keyBytes: 32,
  algorithm: 'HS256',
  signingNames: ['JWT_SECRET_KEY', 'JWT_SECRET'],
  fallbacksName: 'JWT_SECRET_KEY_FALLBACKS',
  previousName: '',
  jwksName: '',
  layouts: [],
  targets: [],
  unlistedConsumers: 'Block',
  rolloutTimeoutMs: 600_000,
  emergencyMode: 'FailClosed',
  forceReason: '',
};

/** A person wants everything to rest. */
export const PAUSED = { reason: 'Paused', message: 'the annotation rekey.dev/paused is set' } as const;

/** Of a healthy workload. */
export const WORKLOAD: WorkloadFacts = {
  uid: 'u',
  paused: false,
  manual: false,
  rolledOut: true,
  consumes: true,
  consumption: { shadows: [], takes: [...SETTINGS.signingNames, SETTINGS.fallbacksName], onePrevious: false },
  ready: 1,
};

const LAG = { settleMs: SETTLE_MS, clockSkewMs: SETTINGS.clockSkewMs };

let counter = 0;
const freshKey = (letter: string) => ({ kid: letter, fingerprint: `fp-${letter}` });

/** Applies writes one after another; the keys they make are called B, C, … and the ack keys N1, N2, … */
export function keysetAfter(writes: readonly Write[], at: (step: number) => number = () => T0): Keyset {
  let keyset = foundKeyset(freshKey('A'), [], 0, T0);
  let made = 0;
  for (const [step, write] of writes.entries()) {
    if (makesKey(write)) made += 1;
    const key = freshKey(String.fromCharCode(65 + made));
    keyset = advance(keyset, write, { key, ack: freshKey(`N${keyset.version + 1}`) }, at(step));
  }
  return keyset;
}

const adopt: Write = { transition: 'adopt', handled: {}, fingerprint: 'fp-A', fallbacks: [], version: 0 };
const rotation = {
  id: 'r1',
  trigger: 'Annotation',
  actor: 'alice',
  reason: 'test',
  drainMs: SETTINGS.drainMs,
} as const;

/** The writes of one whole rotation, with the acknowledgements that each rests on. */
export const WRITES = {
  adopt,
  stage: { transition: 'stage', acked: { Signer: 0, Verifier: 0 }, handled: {}, rotation },
  promote: { transition: 'promote', acked: { Signer: 2, Verifier: 2 } },
  drain: { transition: 'drain', acked: { Signer: 3, Verifier: 2 } },
  retire: { transition: 'retire', acked: { Signer: 3, Verifier: 3 } },
  finish: { transition: 'finish', acked: { Signer: 4, Verifier: 4 }, outcome: 'Completed' },
} as const satisfies Record<string, Write>;

export const STEADY = keysetAfter([WRITES.adopt]);
export const STAGING = keysetAfter([WRITES.adopt, WRITES.stage]);
export const PROMOTING = keysetAfter([WRITES.adopt, WRITES.stage, WRITES.promote]);
export const DRAINING = keysetAfter([WRITES.adopt, WRITES.stage, WRITES.promote, WRITES.drain]);
export const RETIRING = keysetAfter([WRITES.adopt, WRITES.stage, WRITES.promote, WRITES.drain, WRITES.retire]);
export const DONE = keysetAfter([
  WRITES.adopt,
  WRITES.stage,
  WRITES.promote,
  WRITES.drain,
  WRITES.retire,
  WRITES.finish,
]);

/** What a container with the keyset version `holds` answers to canaries signed with the keys of `keyset`. */
export function probeOf(keyset: Keyset, holds: number, at = T0): Probe {
  const shape = keyset.history.findLast((candidate) => candidate.version <= holds) ?? currentShape(keyset);
  const answer = (kid: Kid): Answer => (shape.verify.includes(kid) ? 'accepted' : 'refused');
  return {
    version: keyset.version,
    ...{ at, heardAt: at, askedAt: at, ready: true, failures: 0 },
    answers: new Map(keyset.keys.map(({ kid }) => [kid, answer(kid)])),
    random: 'refused',
  };
}

export function pod(name: string, edit: Partial<PodFacts> = {}): PodFacts {
  counter += 1;
  const { startedAt = T0 - 3_600_000, createdAt = startedAt } = edit;
  const base = {
    name,
    uid: `uid-${name}-${counter}`,
    incarnation: `${name}-${counter}`,
    terminating: false,
    ready: true,
  };
  const start = { createdAt, startedAt, readUpTo: readUpTo({ createdAt, startedAt }, LAG) };
  return { ...base, ...start, address: '10.0.0.1', ...edit };
}

/** The pod, observed after times during which the Secret was somebody else's. */
export function afterForeign(one: PodFacts, times: readonly ForeignTime[], now: number): PodFacts {
  const { createdAt, startedAt = createdAt } = one;
  const foreign = foreignTimesOf([{ createdAt, startedAt }], times, now, LAG);
  return foreign.length === 0 ? one : { ...one, foreign };
}

/** A time during which a key of somebody else stood in the Secret that rekey had written last as this keyset. */
export function foreignTime(
  keyset: Keyset,
  since: number,
  until?: number,
  edit: Partial<ForeignTime> = {},
): ForeignTime {
  const end = until === undefined ? {} : { until };
  return { since, ...end, version: keyset.version, dataKeys: ['JWT_SECRET_KEY'], fingerprints: ['fp-X'], ...edit };
}

export function target(name: string, roles: readonly Role[], edit: Partial<TargetFacts> = {}): TargetFacts {
  const settings: TargetSettings = {
    kind: 'Deployment',
    name,
    roles,
    source: 'Env',
    ...(roles.includes('Verifier') && { canary }),
  };
  return { settings, workload: { ...WORKLOAD, uid: `uid-${name}` }, pods: [pod(`${name}-1`)], ...edit };
}

/** Three services whose pods hold the given keyset versions and have answered so. */
export function services(keyset: Keyset, holds: { main: number; admin: number }, at = T0): readonly TargetFacts[] {
  const build = (name: string, roles: readonly Role[], version: number): TargetFacts => {
    const base = target(name, roles);
    const templateVersion = version;
    const acked = pod(`${name}-1`, { templateVersion, probe: probeOf(keyset, version, at), startedAt: at - 1_000 });
    const workload = base.workload && { ...base.workload, templateVersion };
    return { ...base, ...(workload && { workload }), pods: [acked] };
  };
  return [
    build('main', ['Signer', 'Verifier'], holds.main),
    build('autoscraper', ['Verifier'], holds.admin),
    build('admin', ['Verifier'], holds.admin),
  ];
}

export function facts(keyset: Keyset, edit: Partial<Facts> = {}): Facts {
  const targets = services(keyset, { main: keyset.version, admin: keyset.version });
  return {
    now: SETTLED,
    settleMs: SETTLE_MS,
    clockOffsetMs: 0,
    live: true,
    nextRotationId: 'r1',
    settings: SETTINGS,
    secret: { kind: 'Managed', keyset },
    ledger: EMPTY_LEDGER,
    targets,
    unlistedConsumers: [],
    requests: {},
    sharedWith: [],
    burntElsewhere: [],
    due: { nextRuns: [] },
    window: { open: true },
    ...edit,
  };
}
