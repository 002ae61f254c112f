import { defined } from '../../base/objects.ts';
import { keptValue, MAX_REASON } from '../api/said.ts';
import type { JwtKeyRotationSpec } from '../api/types.ts';
import type { Role } from '../keyset/keyset.ts';
import { parseDuration } from '../schedule/duration.ts';
import { type CanarySettings, type Claims, canaryOf, claimsOf } from './canary-settings.ts';
import { type Drain, defaultSlackMs } from './drain.ts';
import { type Beside, type Layout, layoutsOf } from './layouts.ts';

/** What a target may be. */
export const WORKLOAD_KINDS = ['Deployment', 'StatefulSet', 'DaemonSet', 'Rollout', 'CronJob', 'Job'] as const;
export type WorkloadKind = (typeof WORKLOAD_KINDS)[number];

/** Kinds that a cluster may not serve, or that rekey may not be allowed to read. */
export const OPTIONAL_KINDS = ['Rollout', 'CronJob', 'Job'] as const;
export type OptionalKind = (typeof OPTIONAL_KINDS)[number];

/** @returns whether the kind may be absent or unreadable */
export function isOptional(kind: WorkloadKind): kind is OptionalKind {
  return OPTIONAL_KINDS.some((optional) => optional === kind);
}

/**
 * Every mode of the schema, so that the compiler points here when there is a new one. A spec with `Clock` is refused;
 * this value only serves an emergency.
 */
const RETIRE_MODES = { Eager: 'Eager', Lazy: 'Lazy', Clock: 'Eager' } as const satisfies Readonly<
  Record<JwtKeyRotationSpec['retire']['mode'], Settings['retireMode']>
>;

export interface TargetSettings {
  readonly kind: WorkloadKind;
  readonly name: string;
  readonly roles: readonly Role[];
  /** Env is fixed when a container starts (a subPath mount too); mounted files follow the Secret without a restart. */
  readonly source: 'Env' | 'File';
  readonly canary?: CanarySettings;
}

export interface WindowSettings {
  readonly kind: 'Allow' | 'Deny';
  readonly schedule: string;
  readonly timeZone: string;
  readonly durationMs: number;
}

/** Either a period or a schedule. */
export type Cadence =
  | { readonly kind: 'Period'; readonly periodMs: number }
  | {
      readonly kind: 'Cron';
      readonly schedule: string;
      readonly timeZone: string;
      readonly startingDeadlineMs: number;
    };

export interface Settings {
  readonly secretName: string;
  readonly environment: string;
  readonly cadence: Cadence;
  readonly suspend: boolean;
  readonly windows: readonly WindowSettings[];
  /**
   * Overlap accepts both keys for a while, Cutover gives up every outstanding token, and Auto decides by the answers of
   * pods.
   */
  readonly strategy: 'Auto' | 'Overlap' | 'Cutover';
  readonly allowCutover: boolean;
  /** Whether the write that retires a key stages the next one. */
  readonly preStage: boolean;
  /** Eager restarts verifiers so that they forget a retired key; with Lazy they forget it when they next restart. */
  readonly retireMode: 'Eager' | 'Lazy';
  readonly maxTokenTtlMs: number;
  readonly clockSkewMs: number;
  /** How long tokens may be valid after the exit of their last signer: maxTokenTTL + clockSkew + slack. */
  readonly drainMs: number;
  readonly keyBytes: number;
  readonly algorithm: 'HS256' | 'HS384' | 'HS512';
  readonly signingNames: readonly string[];
  readonly fallbacksName: string;
  /** Empty: not wanted. */
  readonly previousName: string;
  /** Empty: not wanted. */
  readonly jwksName: string;
  /** Layouts besides these names. */
  readonly layouts: readonly Layout[];
  readonly targets: readonly TargetSettings[];
  readonly unlistedConsumers: 'Block' | 'Warn';
  readonly rolloutTimeoutMs: number;
  /** How an emergency replaces pods: all at once, or by a rolling restart. */
  readonly emergencyMode: 'FailClosed' | 'Rolling';
  readonly forceReason: string;
}

/** Names of the data keys, as far as they can be chosen. Empty: not wanted. */
export type DataNames = Pick<
  Settings,
  'secretName' | 'signingNames' | 'fallbacksName' | 'previousName' | 'jwksName' | 'layouts' | 'algorithm'
>;

/** Data keys of the accepted keys besides the signing key. A service reads those of one layout. */
export function besideNames(beside: Beside): readonly string[] {
  return layoutsOf(beside).flatMap(({ names }) => names);
}

/** Names of the data keys that hold keys. */
export type KeyNames = Omit<DataNames, 'algorithm'>;

/** A Secret, and its data keys that hold keys. */
export interface KeyPlaces {
  readonly secretName: string;
  readonly dataKeys: readonly string[];
}

/** @param also more data keys that hold a key although the spec does not name them */
export function keyPlaces(names: KeyNames, also: readonly string[] = []): KeyPlaces {
  return { secretName: names.secretName, dataKeys: [...names.signingNames, ...besideNames(names), ...also] };
}

/** The drain time of a rotation that begins with this spec. */
export function drainOf({
  maxTokenTTL,
  clockSkew,
  retire,
}: Pick<JwtKeyRotationSpec, 'maxTokenTTL' | 'clockSkew' | 'retire'>): Drain {
  const times = { maxTokenTtlMs: parseDuration(maxTokenTTL) ?? 0, clockSkewMs: parseDuration(clockSkew) ?? 0 };
  const slackMs = retire.slack === undefined ? defaultSlackMs(times) : (parseDuration(retire.slack) ?? 0);
  return { ...times, drainMs: times.maxTokenTtlMs + times.clockSkewMs + slackMs };
}

/**
 * The settings of any spec that the API server admitted. If {@link specFinding} refuses the spec, they serve an
 * emergency only.
 */
export function settingsOf(spec: JwtKeyRotationSpec): Settings {
  const ms = (text: string) => parseDuration(text) ?? 0;
  const claims = claimsOf(spec.canary);
  const layouts = (spec.secretKeys.layout ?? []).map(layoutOf);
  return {
    secretName: spec.secretName,
    environment: spec.environment,
    cadence: cadenceOf(spec),
    suspend: spec.suspend,
    windows: (spec.maintenanceWindows ?? []).map((window) => ({
      kind: window.kind ?? 'Allow',
      schedule: window.schedule,
      timeZone: window.timeZone ?? spec.timeZone,
      durationMs: ms(window.duration),
    })),
    strategy: spec.strategy,
    allowCutover: spec.allowCutover,
    preStage: spec.preStage,
    retireMode: RETIRE_MODES[spec.retire.mode],
    ...drainOf(spec),
    keyBytes: spec.key.bytes,
    algorithm: spec.key.algorithm,
    signingNames: [...spec.secretKeys.signing, ...layouts.flatMap(({ signing }) => signing ?? [])],
    fallbacksName: spec.secretKeys.fallbacks,
    previousName: spec.secretKeys.previous,
    jwksName: spec.secretKeys.keyset,
    layouts,
    targets: spec.targets.map((target) => targetOf(target, claims)),
    unlistedConsumers: spec.unlistedConsumers,
    rolloutTimeoutMs: ms(spec.rolloutTimeout),
    emergencyMode: spec.emergency.mode,
    forceReason: forceReasonOf(spec),
  };
}

/** Of a target that names none. */
export const USUAL_ROLES: readonly Role[] = ['Signer', 'Verifier'];

/** The CRD can set no default inside a list, so the defaults of a target are set here. */
function targetOf(
  { kind, name, roles = USUAL_ROLES, source, canary }: JwtKeyRotationSpec['targets'][number],
  claims: Claims,
): TargetSettings {
  const asked = roles.includes('Verifier') ? canary : undefined;
  return {
    ...{ kind, name, roles, source: source === 'File' ? 'File' : 'Env' },
    ...(asked && { canary: canaryOf(asked, claims) }),
  };
}

/** In a text layout of all keys, the first name is another name of the signing key. */
function layoutOf({ names, format, content, max }: SpecLayout): Layout {
  const [signing, ...rest] = names;
  if (format === 'Text' && content === 'All')
    return { ...defined({ signing }), names: rest, format, content: 'Fallbacks' };
  return { names, format, content, ...defined({ max }) };
}

type SpecLayout = NonNullable<JwtKeyRotationSpec['secretKeys']['layout']>[number];

function cadenceOf(spec: JwtKeyRotationSpec): Cadence {
  if (spec.schedule === undefined) return { kind: 'Period', periodMs: parseDuration(spec.rotationPeriod ?? '') ?? 0 };
  const startingDeadlineMs = spec.startingDeadlineSeconds * 1000;
  return { kind: 'Cron', schedule: spec.schedule, timeZone: spec.timeZone, startingDeadlineMs };
}

/** @returns `spec.forceRotation.reason` as rekey keeps it; empty if it requests nothing */
export function forceReasonOf({ forceRotation }: Partial<Pick<JwtKeyRotationSpec, 'forceRotation'>>): string {
  const { reason = '' } = forceRotation ?? {};
  return reason.trim() === '' ? '' : keptValue(reason, MAX_REASON);
}
