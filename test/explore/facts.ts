/**
 * What the operator observes of a world: from the API server, or from caches that may be behind.
 */

import type { Answer, Facts, PodFacts, Probe as ProbeFacts, TargetFacts } from '../../src/rotation/facts.ts';
import { EMPTY_LEDGER } from '../../src/rotation/keyset/ledger.ts';
import { canaryOf } from '../../src/rotation/settings/canary-settings.ts';
import type { Layout } from '../../src/rotation/settings/layouts.ts';
import type { Settings, TargetSettings } from '../../src/rotation/settings/settings.ts';
import { readUpTo } from '../../src/rotation/workloads/starts.ts';
import { chronicleAt, type TrueShape } from './chronicle.ts';
import type { Config } from './config.ts';
import { COPIED } from './containers.ts';
import { type Entry, entryOf, FOUND, latestStart, NOW, SETTLE_MS, startedAt, UNMANAGED } from './keysets.ts';
import { refusalsOf } from './refusals.ts';
import { observed } from './sidecars.ts';
import { isRolledOut, type Pod, type Probe, type Shown, type World } from './world.ts';

const canary = canaryOf({ path: '/verify', port: 8000 }, {});
const CONSUMPTION = { shadows: [], takes: ['JWT_SECRET_KEY', 'JWT_SECRET_KEY_FALLBACKS'], onePrevious: false };
const ONE_PREVIOUS = { ...CONSUMPTION, onePrevious: true };
const NAMES = Array.from({ length: 64 }, (_, i) => `pod-${i}`);
const settingsOf = new Map<Config, { readonly long: Settings; readonly short: Settings }>();

export function settingsFor(config: Config, shortened: boolean): Settings {
  const known = settingsOf.get(config);
  if (known !== undefined) return shortened ? known.short : known.long;
  const long = makeSettings(config, config.drainTicks);
  const made = { long, short: { ...long, drainMs: config.tickMs, maxTokenTtlMs: config.tickMs } };
  settingsOf.set(config, made);
  return shortened ? made.short : made.long;
}

function makeSettings(config: Config, drainTicks: number): Settings {
  return {
    ...{ secretName: 'jwt', environment: 'test', cadence: { kind: 'Period', periodMs: 1e12 }, suspend: false },
    ...{ strategy: config.strategy ?? 'Auto', allowCutover: config.strategy !== undefined },
    ...{ preStage: config.preStage === true, retireMode: config.retireMode ?? 'Eager' },
    ...{ windows: [], maxTokenTtlMs: drainTicks * config.tickMs, drainMs: drainTicks * config.tickMs, keyBytes: 32 },
    ...{ algorithm: 'HS256', signingNames: ['JWT_SECRET_KEY'], fallbacksName: 'JWT_SECRET_KEY_FALLBACKS' },
    ...{ previousName: '', jwksName: '', layouts: layoutsOf(config) },
    ...{ unlistedConsumers: 'Block', rolloutTimeoutMs: 1e12, forceReason: '' },
    emergencyMode: config.emergencyMode ?? 'FailClosed',
    clockSkewMs: Math.abs(config.kubeletAheadMs ?? 0),
    targets: config.targets.map(
      ({ name, roles, file, canary: asked }): TargetSettings => ({
        ...{ kind: 'Deployment', name, roles, source: file === true ? 'File' : 'Env' },
        ...(asked && roles.includes('Verifier') && { canary }),
      }),
    ),
  } as const;
}

/** What the services of the world read besides the fallbacks. */
function layoutsOf({ targets, room }: Config): readonly Layout[] {
  const single = targets.some(({ onePrevious }) => onePrevious === true);
  return [
    ...(single ? [{ names: ['PREVIOUS_KEY'], format: 'Text', content: 'Fallbacks' } as const] : []),
    ...(room === undefined ? [] : [{ names: ['KEYS'], format: 'JsonArray', content: 'Fallbacks', max: room } as const]),
  ];
}

/** Index of a pod of the facts in `world.pods`. */
export function indexOf(pod: PodFacts): number {
  return Number(pod.name.slice(4));
}

/**
 * @param live from the API server itself, not from the caches
 */
export function factsOf(config: Config, world: World, live: boolean): Facts {
  const settings = settingsFor(config, world.shortened);
  const { cache } = world;
  const secret = live || cache === undefined ? world.secret : cache.secret;
  const entry = secret === UNMANAGED ? undefined : entryOf(secret);
  const targets = settings.targets.map((target, index): TargetFacts => {
    const shown = live ? undefined : cache;
    const template = shown === undefined ? world.templates[index] : shown.templates[index];
    const rolledOut = shown === undefined ? isRolledOut(config, world, index) : shown.rolledOut[index] === true;
    const workload = {
      uid: target.name,
      paused: false,
      manual: config.targets[index]?.manual === true,
      rolledOut,
      consumes: true,
      consumption: config.targets[index]?.onePrevious === true ? ONE_PREVIOUS : CONSUMPTION,
      ready: 1,
    };
    return {
      settings: target,
      workload: template === undefined || template === 0 ? workload : { ...workload, templateVersion: template },
      pods: podsOf(config, world, index, entry, shown !== undefined),
    };
  });
  return {
    now: NOW,
    settleMs: SETTLE_MS,
    clockOffsetMs: 0,
    live,
    nextRotationId: 'r',
    settings,
    secret: entry === undefined ? foundSecret(config) : { kind: 'Managed', keyset: entry.keyset },
    ledger: EMPTY_LEDGER,
    targets,
    unlistedConsumers: [],
    sharedWith: [],
    burntElsewhere: [],
    refusals: refusalsOf(world.refusals),
    requests: requestsOf(world),
    due: { nextRuns: [] },
    window: { open: world.open },
  };
}

function foundSecret({ found, absent }: Config): Facts['secret'] {
  if (absent === true) return { kind: 'Absent' };
  return { kind: 'Unmanaged', fingerprint: 'fp-K0', fallbacks: found === true ? [`fp-K${FOUND}`] : [] };
}

function requestsOf({ rotate, abort, emergency }: World): Facts['requests'] {
  return {
    ...(rotate > 0 && { rotateAt: `r${rotate}`, rotateActor: 'user' }),
    ...(abort > 0 && { abortAt: `a${abort}` }),
    ...(emergency > 0 && { emergency: { nonce: `e${emergency}`, reason: 'leak', actor: 'user', handled: false } }),
  };
}

function podsOf(config: Config, world: World, target: number, entry: Entry | undefined, cached: boolean): PodFacts[] {
  const facts: PodFacts[] = [];
  for (let i = 0; i < world.pods.length; i += 1) {
    const pod = world.pods[i];
    if (pod?.target !== target || (cached ? pod.shown === undefined : pod.gone)) continue;
    facts.push(podFacts(config, world, pod, NAMES[i] ?? '', entry, cached));
  }
  return facts;
}

function podFacts(
  config: Config,
  world: World,
  pod: Pod,
  name: string,
  entry: Entry | undefined,
  cached: boolean,
): PodFacts {
  const shown = cached ? pod.shown : undefined;
  const view = shown ?? pod;
  const probe = shown === undefined && pod.shown?.same === true ? pod.shown.probe : view.probe;
  const answers = probe && entry && { probe: probeFacts(config, world, pod, probe, entry) };
  const target = settingsFor(config, world.shortened).targets[pod.target];
  if (pod.sidecar !== undefined && target !== undefined) {
    return { ...observed(target, pod, pod.sidecar, name, entry), ...answers };
  }
  return {
    name,
    uid: name,
    incarnation: shown === undefined || shown.same ? name : `${name}-before`,
    terminating: view.terminating,
    ready: view.up,
    address: '10.0.0.1',
    ...startFacts(config, pod.target, startedAtOf(config, pod, view, entry), view.up),
    ...(pod.template !== 0 && { templateVersion: pod.template }),
    ...answers,
  };
}

/** Of pods that nobody asks what they have read is concluded from the start of their containers: they were created long ago. */
function startFacts({ targets, kubeletAheadMs = 0 }: Config, target: number, started: number, runs: boolean) {
  const startedAt = started + kubeletAheadMs;
  const start = { createdAt: targets[target]?.canary === true ? started : NOW - 1e9, startedAt };
  const read = {
    createdAt: start.createdAt,
    readUpTo: readUpTo(start, { settleMs: SETTLE_MS, clockSkewMs: Math.abs(kubeletAheadMs) }),
  };
  // what starts next in a pod starts later than what has run in it
  return runs ? { startedAt, ...read } : read;
}

/** The API server may show the start before the last still. Where clocks are ahead a late start does the most harm. */
function startedAtOf({ kubeletAheadMs = 0 }: Config, pod: Pod, view: Pod | Shown, entry: Entry | undefined): number {
  if (entry === undefined) return NOW - 1e9;
  const behind = view === pod && pod.lag;
  const seen = behind ? { settled: 0, young: false } : view;
  return kubeletAheadMs > 0 ? latestStart(seen, entry) : startedAt(seen, entry);
}

const answerSets = new Map<number, ReadonlyMap<string, Answer>>();

function probeFacts(config: Config, world: World, pod: Pod, probe: Probe, entry: Entry): ProbeFacts {
  const { version, age, known } = probe;
  return {
    version,
    at: NOW - age * config.tickMs,
    heardAt: NOW - age * config.tickMs,
    ...{ askedAt: NOW - age * config.tickMs, ready: true, failures: known ? 0 : 1 },
    // of another version than the one that is planned with, no answer is looked at
    answers: version === entry.keyset.version ? answersOf(config, world, pod, probe, entry) : new Map(),
    random: known ? (config.targets[pod.target]?.verifiesNothing === true ? 'accepted' : 'refused') : 'unknown',
  };
}

function answersOf(config: Config, world: World, pod: Pod, probe: Probe, entry: Entry) {
  const { held, known } = probe;
  const partial = probe.partial === true;
  const shape = chronicleAt(world.chronicle, held);
  const { singleKey, verifiesNothing, onePrevious, copy } = config.targets[pod.target] ?? {};
  const kind = verifiesNothing === true ? 2 : singleKey === true ? 1 : onePrevious === true ? 3 : copy === true ? 4 : 0;
  const bits = (known ? 1 : 0) + (world.retired ? 2 : 0) + (partial ? 4 : 0) + kind * 8;
  const key = ((entry.id * 512 + shape.id) * 16 + held) * 64 + bits;
  const found = answerSets.get(key);
  if (found !== undefined) return found;
  const made = makeAnswers(shape, held, entry, { known, retired: world.retired, partial, kind });
  answerSets.set(key, made);
  return made;
}

/** What is heard of a container. */
interface Telling {
  readonly known: boolean;
  /** Whether the bytes of the retired key are still at hand. */
  readonly retired: boolean;
  /** Whether it has not answered for keys that are not in use. */
  readonly partial: boolean;
  readonly kind: number;
}

/** What a container answers follows from what it has loaded, and from that alone. */
function makeAnswers(
  shape: TrueShape,
  held: number,
  { keyset }: Entry,
  { known, retired, partial, kind }: Telling,
): ReadonlyMap<string, Answer> {
  const mask = (kind === 1 ? 1 << shape.sign : shape.mask) | (kind === 4 ? COPIED : 0);
  const accepts = (kid: string) => {
    const version = Number(kid.slice(1));
    if (kind === 2) return true;
    if (!kid.startsWith('N')) return (mask & (1 << version)) !== 0;
    // one that knows a single other key is shown the ack key where there is no other real one
    const shown = kind === 0 || kind === 4 || (kind === 3 && (mask & (mask - 1)) === 0);
    return shown && version === held;
  };
  const kids = keyset.keys.map(({ kid }) => kid);
  const { rotation } = keyset;
  if (retired && rotation) kids.push(...[rotation.from, rotation.to].filter((kid) => !kids.includes(kid)));
  if (keyset.phase === 'Burning') kids.push(...keyset.burnt.map(({ kid }) => kid).filter((kid) => !kids.includes(kid)));
  const inUse = new Set(keyset.keys.map(({ kid }) => kid));
  const tells = (kid: string) => known && !(partial && !inUse.has(kid));
  return new Map(kids.map((kid) => [kid, tells(kid) ? (accepts(kid) ? 'accepted' : 'refused') : 'unknown'] as const));
}
