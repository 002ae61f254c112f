/**
 * Finds what is wrong with a spec that the API server admitted. Each check reports everything that it finds: field,
 * value, what to write instead.
 */

import { redactText } from '../../runtime/redact.ts';
import { type Finding, findingsOf, inShort, type Policy, type Reason } from '../api/finding.ts';
import type { JwtKeyRotationSpec } from '../api/types.ts';
import { parseDuration } from '../schedule/duration.ts';
import { parseCron } from '../schedule/schedule.ts';
import { timeZoneProblem } from '../schedule/time-zone.ts';
import { canaryFindings } from './canary-checks.ts';
import { dataKeysFindings } from './data-keys.ts';
import { drainText } from './drain.ts';
import { drainOf } from './settings.ts';

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
  if (ms === undefined) return 'is not a duration; write one such as 90d, 12h or 1h30m';
  if (ms > 0 || MAY_BE_NONE.includes(field)) return undefined;
  return 'is zero; write how long it really is, such as 24h';
}

/** Durations that may be zero: no tolerance, no further wait. */
const MAY_BE_NONE = ['spec.clockSkew', 'spec.retire.slack'];

const dataKeys: SpecPolicy = ({ secretKeys }) => dataKeysFindings(secretKeys);

const timeZone: SpecPolicy = (spec) => wrongAt('spec.timeZone', 'InvalidTimeZone', timeZoneProblem(spec.timeZone));

const schedule: SpecPolicy = (spec) =>
  wrongAt('spec.schedule', 'InvalidSchedule', spec.schedule === undefined ? undefined : parseCron(spec.schedule));

const windows: SpecPolicy = (spec) =>
  (spec.maintenanceWindows ?? []).flatMap((window, i) => {
    const field = `spec.maintenanceWindows[${i}]`;
    const ms = parseDuration(window.duration) ?? 0;
    // the check of durations reports zero
    const isShort = ms > 0 && ms < 60_000;
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
  const problem = `${spec.rotationPeriod} is not longer than the drain time of old tokens, ${drainText(drain)}; rotate less often, or see spec.retire.slack`;
  return wrongAt('spec.rotationPeriod', 'PeriodTooShort', problem);
};

const SPEC_POLICIES = [durations, timeZone, schedule, windows, period, dataKeys, canaryFindings, unsupported];

/** @returns everything that is wrong with the spec */
export function specFindings(spec: JwtKeyRotationSpec): readonly Finding[] {
  const findings = findingsOf(SPEC_POLICIES, spec);
  // the quoted value may be anything, even a key that was pasted into the wrong field
  return findings.map((finding) => ({ ...finding, message: redactText(finding.message) }));
}

/** @returns what is wrong with the spec, in short */
export function specFinding(spec: JwtKeyRotationSpec): Finding | undefined {
  return inShort(specFindings(spec));
}
