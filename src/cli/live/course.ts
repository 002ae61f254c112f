/**
 * The course of a rotation: which phases it goes through, where it is, and what each means for whoever waits.
 */
import type { JwtKeyRotation } from '../../rotation/api/names.ts';
import { isAtRest } from '../../rotation/people/preview.ts';
import { conditionOf } from '../status.ts';

/** Which way it goes: forward, all at once, back before or after promote, or after a leak. */
export type Way = 'Overlap' | 'Cutover' | 'Abort' | 'RollBack' | 'Emergency';

export interface Course {
  readonly way: Way;
  /** The stage where it is, one of {@link stagesOf}. */
  readonly stage: string;
  /** When the rotation began, milliseconds since the epoch; absent if that is not known. */
  readonly startedAt?: number;
}

/** What somebody follows. */
export type Asked =
  | { readonly kind: 'Rotation' | 'Abort' }
  | { readonly kind: 'Emergency'; readonly nonce: string }
  /** Whatever happens. */
  | { readonly kind: 'Look' };

const STAGES: Readonly<Record<Way, readonly string[]>> = {
  Overlap: ['preflight', 'staging', 'staged', 'promoting', 'draining', 'retiring', 'done'],
  Cutover: ['preflight', 'switching', 'done'],
  Abort: ['aborting', 'done'],
  RollBack: ['promoting', 'draining', 'retiring', 'done'],
  Emergency: ['requested', 'burning', 'done'],
};

/** What happens in a stage, and what the next one waits for. The end of a drain is shown separately. */
export interface Meaning {
  readonly does: string;
  readonly next: string;
}

const FORWARD: Readonly<Record<string, Meaning>> = {
  requested: { does: 'the request is in the resource', next: 'preflight, when the operator takes it up' },
  preflight: {
    does: 'rekey asks every verifier pod for an answer',
    next: 'staging, when each has answered as it should',
  },
  staging: {
    does: 'verifier pods take the new key as one that they accept; the old key signs',
    next: 'promoting, when every verifier pod accepts the new key',
  },
  staged: {
    does: 'every verifier pod accepts the new key; the old key signs',
    next: 'promoting, after one more check',
  },
  promoting: {
    does: 'signer pods change to the new key; the old key stays accepted',
    next: 'draining, when every signer pod signs with the new key',
  },
  draining: {
    does: 'the new key signs; the old key stays accepted until its last token has expired',
    next: 'retiring',
  },
  retiring: { does: 'verifier pods drop the old key', next: 'done, when every verifier pod refuses the old key' },
  switching: {
    does: 'every pod takes the new key, and refuses the tokens of the old one',
    next: 'done, when every pod has the new key',
  },
};

const BACK: Readonly<Record<string, Meaning>> = {
  aborting: { does: 'verifier pods drop the new key, which never signed', next: 'done, when they have restarted' },
  promoting: {
    does: 'signer pods change back to the old key; the new key stays accepted',
    next: 'draining, when every signer pod signs with the old key again',
  },
  draining: {
    does: 'the old key signs again; the new key stays accepted until its last token has expired',
    next: 'retiring',
  },
  retiring: { does: 'verifier pods drop the new key', next: 'done, when every verifier pod refuses the new key' },
};

const BURNING: Readonly<Record<string, Meaning>> = {
  requested: { does: 'the request is in the resource', next: 'a new key alone, when the operator takes it up' },
  burning: {
    does: 'a new key signs; a pod that has not followed yet may still accept a burnt key',
    next: 'done, when every pod has refused the burnt keys',
  },
};

/** @returns the stages of a way, the last one `done` */
export function stagesOf(way: Way): readonly string[] {
  return STAGES[way];
}

/** @returns undefined of a rotation that is over */
export function meaningOf({ way, stage }: Course): Meaning | undefined {
  if (way === 'Emergency') return BURNING[stage];
  return way === 'Abort' || way === 'RollBack' ? BACK[stage] : FORWARD[stage];
}

/**
 * @param before the course as it was when the resource was last looked at
 * @returns undefined at rest, where nothing is asked for
 */
export function courseOf(resource: JwtKeyRotation, asked: Asked, before?: Course): Course | undefined {
  const { status } = resource;
  const way = wayOf(resource, asked, before);
  const phase = phaseOf(resource);
  const startedAt = Date.parse(
    (way === 'Emergency' ? status?.emergency?.writtenAt : status?.rotation?.startedAt) ?? '',
  );
  const started = Number.isNaN(startedAt) ? {} : { startedAt };
  const stage = phase.toLowerCase();
  if (way === 'Emergency' && phase !== 'Burning') return { way, stage: 'requested' };
  if (STAGES[way].includes(stage)) return { way, stage, ...started };
  return asked.kind === 'Look' ? undefined : { way, stage: 'requested' };
}

/** @returns the course at its end */
export function ended(course: Course): Course {
  return { ...course, stage: 'done' };
}

/** @returns the phase of the rotation, also where the status says Degraded; `Steady` at rest */
export function phaseOf(resource: JwtKeyRotation): string {
  const { phase = 'Pending' } = resource.status ?? {};
  if (phase !== 'Degraded') return phase;
  const reason = conditionOf(resource, 'Rotating')?.reason ?? 'Steady';
  if (isAtRest(resource.status)) return 'Steady';
  // where it goes back, the condition says that, and not where it is
  return reason === 'RollingBack' ? 'Promoting' : reason;
}

function wayOf(resource: JwtKeyRotation, asked: Asked, before: Course | undefined): Way {
  const phase = phaseOf(resource);
  if (phase === 'Burning') return 'Emergency';
  if (phase === 'Aborting') return 'Abort';
  if (phase === 'Switching') return 'Cutover';
  if (conditionOf(resource, 'Rotating')?.reason === 'RollingBack') return 'RollBack';
  if (asked.kind === 'Emergency') return 'Emergency';
  if (before?.way === 'Cutover') return 'Cutover';
  return resource.spec.strategy === 'Cutover' ? 'Cutover' : 'Overlap';
}
