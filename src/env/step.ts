/**
 * Plans the next step of a rotation of .env files: a pure function of the keyset, of what is known of each service, and
 * of the time. The steps and the safe-write rule are those of the operator; here a service is one file and
 * perhaps one URL, with one process behind it or several, and a person or a command restarts it.
 */
import { type Acked, type Keyset, keyIn, type Phase, type Role } from '../rotation/keyset/keyset.ts';
import { candidate, type Write, writesKeys } from '../rotation/keyset/writes.ts';
import { unsafeReasons } from '../rotation/plan/safe-write.ts';

/** What is known of one service and the newest version of its file. */
export type Loaded =
  /** It has loaded it: its canaries prove it, its reload command succeeded, or a person confirmed it. */
  | { readonly kind: 'Loaded'; readonly by: 'Canary' | 'Command' | 'Person' }
  /** It has proved to hold an older one. */
  | { readonly kind: 'Behind'; readonly why: string }
  /** It was restarted and accepts the signing key, but not the other key in its file. */
  | { readonly kind: 'OneKey'; readonly why: string }
  /** Some of its answers prove the newest version and some an older one. */
  | { readonly kind: 'Fickle'; readonly why: string }
  /** It was not asked often enough yet. */
  | { readonly kind: 'Partly'; readonly why: string }
  /** Its answers prove nothing: it accepts a made-up key, or refuses every key. */
  | { readonly kind: 'Unfit'; readonly why: string }
  | { readonly kind: 'Unknown'; readonly why: string };

export interface ServiceFacts {
  readonly name: string;
  readonly roles: readonly Role[];
  readonly loaded: Loaded;
  /** Whether it has a canary URL. */
  readonly asked: boolean;
  /** Whether a command or a person reported a restart since its file got this version. */
  readonly reloaded: boolean;
  /** Whether it was seen to accept a burnt key after its last reported restart. */
  readonly refuted: boolean;
}

export interface StepFacts {
  readonly keyset: Keyset;
  readonly services: readonly ServiceFacts[];
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Milliseconds that a token may outlive its signer. */
  readonly drainMs: number;
  /** In an emergency: whether services can be asked about every burnt key. Their bytes are no longer in any file. */
  readonly burntAtHand: boolean;
}

export type Step =
  | { readonly kind: 'Write'; readonly write: Write }
  /** These services must be restarted, by their command or by a person. */
  | { readonly kind: 'Reload'; readonly services: readonly ServiceFacts[] }
  /** These were restarted, but it is unknown what they hold, so they are asked again. */
  | { readonly kind: 'Ask'; readonly services: readonly ServiceFacts[] }
  /** Nothing to do before `until`, milliseconds since the epoch. */
  | { readonly kind: 'Wait'; readonly until: number }
  /** A person must act first. */
  | { readonly kind: 'Rest'; readonly why: string }
  | { readonly kind: 'Done' };

/** The roles that must have loaded the newest version before the next write; none in other phases. */
const NEEDED: Readonly<Partial<Record<Phase, readonly Role[]>>> = {
  Staging: ['Verifier'],
  Promoting: ['Signer'],
  Retiring: ['Verifier'],
  Switching: ['Signer', 'Verifier'],
  Burning: ['Signer', 'Verifier'],
};

/** @returns the one thing to do now */
export function nextStep(facts: StepFacts): Step {
  const { keyset, services } = facts;
  const { phase } = keyset;
  if (phase === 'Steady') return { kind: 'Done' };
  if (phase === 'Draining') return draining(facts);
  // the aborted key never signed, so it does not matter when services forget it
  if (phase === 'Aborting') return guarded(facts, afterPhase(facts));
  const needed = services.filter(({ roles }) => roles.some((role) => NEEDED[phase]?.includes(role)));
  const open = needed.filter(({ loaded }) => loaded.kind !== 'Loaded');
  const waiting = open.filter(({ reloaded, loaded }) => !reloaded && loaded.kind !== 'Partly');
  const reload: Step = { kind: 'Reload', services: waiting };
  // the old key is given up already: whatever is off with one service, the others must follow
  if (waiting.length > 0 && isGivenUp(keyset)) return reload;
  const single = needed.find(({ loaded }) => loaded.kind === 'OneKey');
  if (single?.loaded.kind === 'OneKey' && phase === 'Staging') return backOut(facts, single.name, single.loaded.why);
  const off = needed.flatMap(({ name, loaded }) => (isOff(loaded) ? [`${name}: ${loaded.why}`] : []));
  if (off.length > 0) return { kind: 'Rest', why: off.join('\n') };
  if (waiting.length > 0) return reload;
  if (open.length > 0) return { kind: 'Ask', services: open };
  return guarded(facts, afterPhase(facts));
}

/** @returns whether services must restart whatever else is off: every file has refused the old key since the write */
export function isGivenUp({ phase }: Keyset): boolean {
  return phase === 'Switching' || phase === 'Burning';
}

/** A person must look at the service first. */
function isOff(loaded: Loaded): loaded is Extract<Loaded, { kind: 'Unfit' | 'OneKey' | 'Fickle' }> {
  return loaded.kind === 'Unfit' || loaded.kind === 'OneKey' || loaded.kind === 'Fickle';
}

/** The reason of a rotation that went back by itself. */
export const SINGLE_KEY = 'SingleKeyService';

/** If a service knows one key only, the new key leaves before it has signed, so that no token is refused. */
function backOut(facts: StepFacts, service: string, why: string): Step {
  const message = `${service}: ${why}. Make it read the fallbacks, or rotate with --at-once`;
  return guarded(facts, {
    transition: 'abort',
    acked: ackedNow(facts),
    failure: { reason: SINGLE_KEY, message },
    handled: facts.keyset.handled,
  });
}

/** The recorded exit of the last signer counts unless a service shows that it may sign with the old key again. */
function draining(facts: StepFacts): Step {
  const { keyset, services, now } = facts;
  const signers = services.filter(({ roles }) => roles.includes('Signer'));
  const exit = keyIn(keyset, 'draining')?.lastSignerExit;
  if (exit === undefined || signers.some(mayBeLate)) return guarded(facts, { transition: 'reopen' });
  const until = exit + drainOf(facts);
  if (now < until) return { kind: 'Wait', until };
  const unfit = signers.find(({ loaded }) => loaded.kind === 'Unfit');
  if (unfit?.loaded.kind === 'Unfit') return { kind: 'Rest', why: `${unfit.name}: ${unfit.loaded.why}` };
  const silent = signers.filter(({ loaded }) => loaded.kind === 'Unknown' || loaded.kind === 'Partly');
  if (silent.length > 0) return { kind: 'Ask', services: silent };
  return guarded(facts, { transition: 'retire', acked: ackedNow(facts) });
}

/** It has proved to hold an older version, or it cannot be asked and no reported restart counts any more. */
function mayBeLate({ loaded, asked }: ServiceFacts): boolean {
  return loaded.kind === 'Behind' || loaded.kind === 'Fickle' || (loaded.kind === 'Unknown' && !asked);
}

/** The write that ends a phase once everything needed is loaded. */
function afterPhase(facts: StepFacts): Write {
  const { keyset } = facts;
  const acked = ackedNow(facts);
  const inferred = inferredOf(facts);
  switch (keyset.phase) {
    case 'Staging':
      return { transition: 'promote', acked };
    case 'Promoting':
      return { transition: 'drain', acked, inferred };
    case 'Burning':
      return { transition: 'extinguish', acked, inferred };
    case 'Aborting':
      return { transition: 'finish', acked, outcome: 'Aborted' };
    default:
      return {
        transition: 'finish',
        acked,
        outcome: keyset.rotation?.failure === undefined ? 'Completed' : 'RolledBack',
        inferred,
      };
  }
}

/** @returns whether the old key signs again, and the new one leaves */
export function isGoingBack({ rotation }: Keyset): boolean {
  return rotation?.failure !== undefined && rotation.outcome === undefined;
}

/** @returns the step that goes back; undefined if it is too late or nothing is under way */
export function wayBack(facts: StepFacts, reason: string): Step | undefined {
  const { keyset } = facts;
  const failure = { reason: 'AbortRequested', message: reason };
  const back = { acked: ackedNow(facts), failure, handled: keyset.handled };
  if (keyset.phase === 'Staging') return guarded(facts, { transition: 'abort', ...back });
  if (isGoingBack(keyset)) return undefined;
  const isPromoted = keyset.phase === 'Promoting' || keyset.phase === 'Draining';
  return isPromoted ? guarded(facts, { transition: 'rollback', ...back }) : undefined;
}

/**
 * Applies the safe-write rule before every write that it judges.
 *
 * @returns the write, or a rest if it would break the rule
 */
export function guarded(facts: StepFacts, write: Write): Step {
  const { keyset, now } = facts;
  if (writesKeys(write)) {
    const acked = 'acked' in write ? write.acked : keyset.acked;
    const broken = unsafeReasons(keyset, acked, candidate(keyset, write, 'fresh'), { now, drainMs: drainOf(facts) });
    if (broken.length > 0) return { kind: 'Rest', why: `${write.transition} was withheld: ${broken.join('; ')}` };
  }
  return { kind: 'Write', write };
}

/** During a rotation, an edit of the configuration may only lengthen the drain. */
export function drainOf({ drainMs, keyset }: Pick<StepFacts, 'drainMs' | 'keyset'>): number {
  return Math.max(drainMs, keyset.rotation?.drainMs ?? 0);
}

/** @returns the version that is loaded everywhere, at least the one in the state */
export function ackedNow({ keyset, services }: Pick<StepFacts, 'keyset' | 'services'>): Acked {
  const of = (role: Role) => {
    const all = services.filter(({ roles }) => roles.includes(role)).every(({ loaded }) => loaded.kind === 'Loaded');
    return all ? keyset.version : keyset.acked[role];
  };
  return { Signer: of('Signer'), Verifier: of('Verifier') };
}

/** @returns what was concluded and not observed, for people; undefined if every service has answered */
function inferredOf({ services, keyset, burntAtHand }: StepFacts): string | undefined {
  const by = (kind: 'Command' | 'Person' | 'Canary') =>
    services.filter(({ loaded }) => loaded.kind === 'Loaded' && loaded.by === kind).map(({ name }) => name);
  const commands = by('Command');
  const people = by('Person');
  const unasked = keyset.phase === 'Burning' && !burntAtHand ? by('Canary') : [];
  const fresh = 'accept the fresh key, and could not be asked about the burnt ones: no file has them any more';
  const parts = [
    ...(unasked.length > 0 ? [`${unasked.join(', ')} ${fresh}`] : []),
    ...(commands.length > 0 ? [`the reload command of ${commands.join(', ')} succeeded`] : []),
    ...(people.length > 0 ? [`somebody said that ${people.join(', ')} had been restarted`] : []),
  ];
  return parts.length === 0 ? undefined : parts.join('; ');
}
