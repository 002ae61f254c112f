/**
 * The spec of a JwtKeyRotation with every duration in milliseconds and every schedule understood, or the first thing that
 * is wrong with it. What the CRD can check has been checked by the API server; here stands the rest.
 */

import { redactText } from '../runtime/redact.ts';
import { dataKeysFindings } from './data-keys.ts';
import { type Drain, defaultSlackMs, drainText } from './drain.ts';
import { type Finding, findingsOf, inShort, type Policy, type Reason } from './finding.ts';
import type { Role } from './keyset/keyset.ts';
import { keptValue, MAX_REASON } from './said.ts';
import { parseDuration } from './schedule/duration.ts';
import { parseCron } from './schedule/schedule.ts';
import { timeZoneProblem } from './schedule/time-zone.ts';
import type { JwtKeyRotationSpec } from './types.ts';
import type { WorkloadKind } from './workloads/workloads.ts';

export interface CanarySettings {
  readonly path: string;
  readonly port: number;
  readonly acceptStatuses: readonly number[];
  readonly refuseStatuses: readonly number[];
}

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
  /** Whether both keys are accepted for a while, or every outstanding token is given up; Auto asks the pods. */
  readonly strategy: 'Auto' | 'Overlap' | 'Cutover';
  readonly allowCutover: boolean;
  /** Whether the write that retires a key stages the next one. */
  readonly preStage: boolean;
  /** Whether verifiers are restarted to forget a retired key, or forget it when they restart anyway. */
  readonly retireMode: 'Eager' | 'Lazy';
  readonly maxTokenTtlMs: number;
  readonly clockSkewMs: number;
  /** How long after the exit of the last signer its tokens may still be alive: maxTokenTTL + clockSkew + slack. */
  readonly drainMs: number;
  readonly keyBytes: number;
  readonly algorithm: 'HS256' | 'HS384' | 'HS512';
  readonly signingNames: readonly string[];
  readonly fallbacksName: string;
  /** Empty: not wanted. */
  readonly previousName: string;
  /** Empty: not wanted. */
  readonly jwksName: string;
  readonly targets: readonly TargetSettings[];
  readonly canaryClaims: {
    readonly issuer?: string;
    readonly audience?: string;
    readonly claims: Readonly<Record<string, string>>;
  };
  readonly unlistedConsumers: 'Block' | 'Warn';
  readonly rolloutTimeoutMs: number;
  /** How an emergency replaces pods: all at once, or by a rolling restart. */
  readonly emergencyMode: 'FailClosed' | 'Rolling';
  readonly forceReason: string;
}

/** Names of the data keys, as far as they can be chosen. Empty: not wanted. */
export type DataNames = Pick<
  Settings,
  'secretName' | 'signingNames' | 'fallbacksName' | 'previousName' | 'jwksName' | 'algorithm'
>;

/** Data keys of the keys that are accepted besides the one that signs: a service looks at one of them. */
export function besideNames({
  fallbacksName,
  previousName,
  jwksName,
}: Pick<DataNames, 'fallbacksName' | 'previousName' | 'jwksName'>): readonly string[] {
  return [fallbacksName, previousName, jwksName].filter((name) => name !== '');
}

type SpecPolicy = Policy<JwtKeyRotationSpec>;

const unsupported: SpecPolicy = (spec) => {
  if (spec.retire.mode !== 'Clock') return [];
  const message = 'spec.retire.mode: Clock is not supported by this version of rekey; remove it';
  return [{ reason: 'NotSupported', message }];
};

const durations: SpecPolicy = (spec) => {
  const fields: readonly (readonly [string, string | undefined])[] = [
    ['spec.rotationPeriod', spec.rotationPeriod],
    ['spec.maxTokenTTL', spec.maxTokenTTL],
    ['spec.clockSkew', spec.clockSkew],
    ['spec.retire.slack', spec.retire.slack],
    ['spec.rolloutTimeout', spec.rolloutTimeout],
    ...(spec.maintenanceWindows ?? []).map(
      (window, i) => [`spec.maintenanceWindows[${i}].duration`, window.duration] as const,
    ),
  ];
  return fields.flatMap(([field, text]) => {
    const problem = text === undefined ? undefined : durationProblem(field, text);
    return problem === undefined ? [] : [{ reason: 'InvalidDuration', message: `${field}: "${text}" ${problem}` }];
  });
};

function durationProblem(field: string, text: string): string | undefined {
  const ms = parseDuration(text);
  if (ms === undefined) return 'is no duration; write such as 90d, 12h or 1h30m';
  if (ms > 0 || MAY_BE_NONE.includes(field)) return undefined;
  return 'is no time at all; write how long it really is, such as 24h';
}

/** Where a wish may be: no tolerance, no further wait. */
const MAY_BE_NONE = ['spec.clockSkew', 'spec.retire.slack'];

const dataKeys: SpecPolicy = ({ secretKeys }) => dataKeysFindings(secretKeys);

const timeZone: SpecPolicy = (spec) => wrongAt('spec.timeZone', 'InvalidTimeZone', timeZoneProblem(spec.timeZone));

const schedule: SpecPolicy = (spec) =>
  wrongAt('spec.schedule', 'InvalidSchedule', spec.schedule === undefined ? undefined : parseCron(spec.schedule));

const windows: SpecPolicy = (spec) =>
  (spec.maintenanceWindows ?? []).flatMap((window, i) => {
    const field = `spec.maintenanceWindows[${i}]`;
    const isShort = (parseDuration(window.duration) ?? Number.POSITIVE_INFINITY) < 60_000;
    const short = isShort ? `"${window.duration}" is shorter than a minute` : undefined;
    return [
      ...wrongAt(`${field}.schedule`, 'InvalidWindow', parseCron(window.schedule)),
      ...wrongAt(`${field}.timeZone`, 'InvalidTimeZone', window.timeZone && timeZoneProblem(window.timeZone)),
      ...wrongAt(`${field}.duration`, 'InvalidWindow', short),
    ];
  });

function wrongAt(field: string, reason: Reason, problem: string | undefined): readonly Finding[] {
  return problem === undefined ? [] : [{ reason, message: `${field}: ${problem}` }];
}

const period: SpecPolicy = (spec) => {
  const periodMs = parseDuration(spec.rotationPeriod ?? '');
  const drain = drainOf(spec);
  if (periodMs === undefined || periodMs > drain.drainMs) return [];
  const problem = `${spec.rotationPeriod} is not longer than the time in which old tokens drain, ${drainText(drain)}; rotate less often, or see spec.retire.slack`;
  return wrongAt('spec.rotationPeriod', 'PeriodTooShort', problem);
};

const SPEC_POLICIES = [durations, timeZone, schedule, windows, period, dataKeys, unsupported];

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

/** @returns all that is wrong with the spec */
export function specFindings(spec: JwtKeyRotationSpec): readonly Finding[] {
  const findings = findingsOf(SPEC_POLICIES, spec);
  // what is quoted may be anything, a key that was pasted into the wrong field too
  return findings.map((finding) => ({ ...finding, message: redactText(finding.message) }));
}

/** @returns what is wrong with the spec, in short */
export function specFinding(spec: JwtKeyRotationSpec): Finding | undefined {
  return inShort(specFindings(spec));
}

/** The settings of any spec that the API server let in. Of one that {@link specFinding} refuses they serve an emergency only. */
export function settingsOf(spec: JwtKeyRotationSpec): Settings {
  const ms = (text: string) => parseDuration(text) ?? 0;
  const { issuer, audience } = spec.canary;
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
    retireMode: spec.retire.mode === 'Lazy' ? 'Lazy' : 'Eager',
    ...drainOf(spec),
    keyBytes: spec.key.bytes,
    algorithm: spec.key.algorithm,
    signingNames: spec.secretKeys.signing,
    fallbacksName: spec.secretKeys.fallbacks,
    previousName: spec.secretKeys.previous,
    jwksName: spec.secretKeys.keyset,
    targets: spec.targets.map(targetOf),
    canaryClaims: { ...(issuer && { issuer }), ...(audience && { audience }), claims: spec.canary.claims },
    unlistedConsumers: spec.unlistedConsumers,
    rolloutTimeoutMs: ms(spec.rolloutTimeout),
    emergencyMode: spec.emergency.mode,
    forceReason: forceReasonOf(spec),
  };
}

/** No default stands inside a list of the CRD (see there), so what an absent field means is said here. */
function targetOf({
  kind,
  name,
  roles = ['Signer', 'Verifier'],
  source,
  canary,
}: JwtKeyRotationSpec['targets'][number]): TargetSettings {
  const asked = roles.includes('Verifier') ? canary : undefined;
  return {
    ...{ kind, name, roles, source: source === 'File' ? 'File' : 'Env' },
    ...(asked && {
      canary: { ...asked, acceptStatuses: asked.acceptStatuses ?? [], refuseStatuses: asked.refuseStatuses ?? [] },
    }),
  };
}

function cadenceOf(spec: JwtKeyRotationSpec): Cadence {
  if (spec.schedule === undefined) return { kind: 'Period', periodMs: parseDuration(spec.rotationPeriod ?? '') ?? 0 };
  const startingDeadlineMs = spec.startingDeadlineSeconds * 1000;
  return { kind: 'Cron', schedule: spec.schedule, timeZone: spec.timeZone, startingDeadlineMs };
}

/** @returns what is kept of `spec.forceRotation.reason`; empty if it asks for nothing */
export function forceReasonOf({ forceRotation }: Partial<Pick<JwtKeyRotationSpec, 'forceRotation'>>): string {
  const { reason = '' } = forceRotation ?? {};
  return reason.trim() === '' ? '' : keptValue(reason, MAX_REASON);
}
