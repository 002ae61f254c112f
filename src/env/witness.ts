/**
 * Finds out what each service has loaded: by canaries if it has a canary URL, else by its reload command or a person's
 * confirmation.
 */
import type { Probe } from '../rotation/facts.ts';
import { currentShape, type Keyset, type Kid, keyIn } from '../rotation/keyset/keyset.ts';
import type { KeyMaterial } from '../rotation/secret/keys.ts';
import type { WrittenForm } from '../rotation/settings/canary-settings.ts';
import type { EnvConfig, EnvService } from './env-config.ts';
import type { EnvironmentFiles } from './environment.ts';
import { materialsOf } from './environment.ts';
import { concluded, type Evidence, isOpen, noted, type Sight } from './evidence.ts';
import { fallbackKids, shownKids } from './layout.ts';
import type { Reload } from './state.ts';
import type { Loaded, ServiceFacts } from './step.ts';

/** Keys that a service is asked about. */
export interface Question {
  readonly keys: ReadonlyMap<Kid, KeyMaterial>;
  /** Version of the keyset. */
  readonly version: number;
  /** The signing key: a made-up key is tried under its id. */
  readonly sign: Kid;
}

/** Asks one service about keys. It concludes nothing. */
export interface Asker {
  /** @param form of the request to the URL */
  ask(url: string, form: WrittenForm, question: Question, config: EnvConfig): Promise<Probe>;
  close(): Promise<void>;
}

/** A reload command may end before the service has restarted; until then the old process answers. */
const SETTLE_MS = 10_000;
/** No look asks for longer: what it has come to is shown, and the next one goes on. A single probe may take some seconds more. */
const LOOK_MS = 3_000;

export interface Witnessing {
  readonly asker: Asker;
  /** Keys that have left the files: a service that accepts one has not loaded the newest version. */
  readonly gone: ReadonlyMap<Kid, KeyMaterial>;
  /** What earlier looks have seen, by service; this one adds to it. */
  readonly evidence: Map<string, Evidence>;
  /** In an emergency: whether every burnt key is among those that have left. */
  readonly burntAtHand: boolean;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

const REFUTED =
  'it accepted a burnt key after its last reported restart. It may take that key from elsewhere, or a process of it was not restarted';

/** @returns what is known of each service and the newest version of its file */
export async function factsOf(
  environment: EnvironmentFiles,
  keyset: Keyset,
  witnessing: Witnessing,
): Promise<readonly ServiceFacts[]> {
  const { config, name, files, state } = environment;
  const materials = materialsOf(environment, keyset);
  const shown = shownKids(keyset).flatMap((kid) => {
    const material = materials.get(kid);
    return material === undefined ? [] : [[kid, material] as const];
  });
  const left = [...witnessing.gone].filter(([kid]) => !shownKids(keyset).includes(kid));
  const keys = new Map([...left, ...shown]);
  const question = { keys, version: keyset.version, sign: currentShape(keyset).sign };
  return Promise.all(
    files.map(async ({ service }): Promise<ServiceFacts> => {
      const url = service.canary[name];
      const last = state?.reloads[service.name];
      const reload = last?.version === keyset.version ? last : undefined;
      const seen =
        url === undefined
          ? { loaded: fromReload(reload?.by), burnt: false }
          : await asked(service, {
              ...{ keyset, witnessing, restartedAt: reload?.at },
              probe: () => witnessing.asker.ask(url, service.canaryRequest, question, config),
            });
      const facts = { name: service.name, roles: service.roles, asked: url !== undefined };
      return { ...facts, ...judged(seen, reload, witnessing.burntAtHand) };
    }),
  );
}

/** What was seen of one service. */
interface Seen {
  readonly loaded: Loaded;
  /** Whether it has just accepted a burnt key. */
  readonly burnt: boolean;
}

/** Only who can ask about every burnt key can show that a service refuses what it once accepted. */
function judged(
  { loaded, burnt }: Seen,
  reload: Reload | undefined,
  burntAtHand: boolean,
): Pick<ServiceFacts, 'loaded' | 'reloaded' | 'refuted'> {
  const isCleared = burntAtHand && loaded.kind === 'Loaded' && loaded.by === 'Canary';
  const refuted = reload !== undefined && (burnt || (reload.refuted === true && !isCleared));
  if (!refuted) return { loaded, reloaded: reload !== undefined, refuted };
  const against: Loaded =
    loaded.kind === 'Loaded' || loaded.kind === 'Partly' ? { kind: 'Behind', why: REFUTED } : loaded;
  return { loaded: against, reloaded: burntAtHand, refuted };
}

interface Asking {
  readonly keyset: Keyset;
  readonly witnessing: Witnessing;
  readonly restartedAt: number | undefined;
  readonly probe: () => Promise<Probe>;
}

/** Asks one service until it is clear what it holds, or this look has taken its time. */
async function asked({ name }: EnvService, { keyset, witnessing, restartedAt, probe }: Asking): Promise<Seen> {
  const { evidence, now, gone } = witnessing;
  const about = { version: keyset.version, restartedAt };
  const known = evidence.get(name);
  let all = known?.version === about.version && known.restartedAt === restartedAt ? known : undefined;
  let burnt = false;
  const until = now() + LOOK_MS;
  do {
    const settled = restartedAt !== undefined && now() >= restartedAt + SETTLE_MS;
    const answered = await probe();
    burnt ||= acceptsBurnt(answered, keyset, gone);
    all = noted(all, sightOf(answered, keyset, settled), about, settled);
  } while (isOpen(all) && now() < until);
  evidence.set(name, all);
  return { loaded: concluded(all), burnt };
}

/** Who accepts a made-up key shows nothing about any other. */
function acceptsBurnt({ answers, random }: Probe, keyset: Keyset, gone: Witnessing['gone']): boolean {
  if (keyset.phase !== 'Burning' || random !== 'refused') return false;
  const shown = shownKids(keyset);
  return [...answers].some(([kid, answer]) => answer === 'accepted' && gone.has(kid) && !shown.includes(kid));
}

/** @returns what one probe shows */
function sightOf(probe: Probe, keyset: Keyset, settled: boolean): Sight {
  const loaded = fromProbe(probe, keyset, settled);
  const ack = keyIn(keyset, 'ack')?.kid;
  const shown = shownKids(keyset);
  const isTrue = probe.random === 'refused';
  const isContrary = [...probe.answers].some(
    ([kid, answer]) => answer !== 'unknown' && (answer === 'accepted') !== shown.includes(kid),
  );
  return {
    loaded,
    newest: isTrue && (loaded.kind === 'Loaded' || (ack !== undefined && probe.answers.get(ack) === 'accepted')),
    older: probe.random !== 'accepted' && isContrary,
  };
}

function fromReload(by: 'Command' | 'Person' | undefined): Loaded {
  if (by !== undefined) return { kind: 'Loaded', by };
  return { kind: 'Unknown', why: 'nobody has said that it was restarted' };
}

/**
 * One probe, judged alone.
 *
 * @param settled whether it is known to have restarted after the version was written, and has had time for that
 * @returns what the answers prove; a missing answer proves nothing
 */
export function fromProbe({ answers, random, why }: Probe, keyset: Keyset, settled: boolean): Loaded {
  if (random === 'accepted') {
    return { kind: 'Unfit', why: 'it accepts a token signed with a made-up key: the canary URL verifies nothing' };
  }
  if (random === 'unknown' || [...answers.values()].includes('unknown')) {
    return { kind: 'Unknown', why: `its canary URL gave no answer: ${why ?? 'not every key was asked for'}` };
  }
  const accepted = [...answers].filter(([, answer]) => answer === 'accepted').map(([kid]) => kid);
  const shown = shownKids(keyset);
  const isNewest = shown.every((kid) => accepted.includes(kid)) && accepted.every((kid) => shown.includes(kid));
  if (isNewest) return { kind: 'Loaded', by: 'Canary' };
  if (accepted.length === 0) {
    const what = 'it refuses every key, also those that it may hold';
    return settled
      ? {
          kind: 'Unfit',
          why: `${what}: the subject may be unknown to it, or it checks other claims; compare canary.issuer, audience and claims (sub is the subject)`,
        }
      : { kind: 'Behind', why: what };
  }
  const { sign } = currentShape(keyset);
  if (settled && accepted.join() === sign && fallbackKids(keyset).length > 0) {
    return { kind: 'OneKey', why: 'it was restarted and accepts the key that signs, but not the others in its file' };
  }
  return { kind: 'Behind', why: `it accepts ${accepted.join(', ')}, and its file has ${shown.join(', ')}` };
}

/** @returns the verifiers that cannot be asked, and for which nobody has declared that they read the fallbacks */
export function silentReaders(services: readonly EnvService[], environment: string): readonly string[] {
  return services
    .filter(({ roles }) => roles.includes('Verifier'))
    .filter(({ readsFallbacks, canary }) => readsFallbacks !== true && canary[environment] === undefined)
    .map(({ name }) => name);
}
