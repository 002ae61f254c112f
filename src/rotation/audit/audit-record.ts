/** Makes the audit record of an ended rotation. */
import { defined, ifDefined } from '../../base/objects.ts';
import { redactText } from '../../runtime/redact.ts';
import { keyOf } from '../../runtime/store.ts';
import type { JwtKeyRotation } from '../api/names.ts';
import type { Facts } from '../facts.ts';
import { type Keyset, type Kid, type RotationRecord, secondsOf } from '../keyset/keyset.ts';
import type { Assessment, TargetAssessment } from '../plan/decision.ts';
import { iso } from '../schedule/duration.ts';
import type { AuditKey, AuditRecord } from './audit-log.ts';
import { type Diary, stepsOf } from './diary.ts';

/** @param rotation that has ended */
export function recordOf(
  { metadata }: JwtKeyRotation,
  { settings, ledger, diary }: Pick<Facts, 'settings' | 'ledger'> & { readonly diary: Diary },
  { targets }: Pick<Assessment, 'targets'>,
  keyset: Keyset,
  rotation: RotationRecord,
): AuditRecord {
  const { id, trigger, actor, reason, from, to, startedAt, finishedAt = startedAt, outcome, failure } = rotation;
  if (outcome === undefined) throw new Error(`rotation ${id} has not ended`);
  const named = (kid: Kid): AuditKey => {
    const fp = [...keyset.keys, ...keyset.burnt, ...ledger.keys].find((key) => key.kid === kid)?.fingerprint;
    const createdAt = diary.created.get(kid);
    return { kid, ...defined({ fp, createdAt: ifDefined(createdAt, iso) }) };
  };
  const emergency = trigger === 'Emergency' && rotation === keyset.rotation ? keyset.emergency : undefined;
  const seconds = emergency && secondsOf(emergency);
  const since = emergency?.writtenAt ?? Number.POSITIVE_INFINITY;
  const burnt = keyset.burnt.filter(({ burntAt }) => burntAt >= since).map(({ kid }) => named(kid));
  return {
    rotationId: id,
    resource: keyOf(metadata),
    environment: settings.environment,
    // a reason is free text: it may even contain the leaked key
    ...{ trigger, actor, reason: redactText(reason) },
    from: named(from),
    to: named(to),
    keysetVersion: keyset.version,
    targets: rotation === keyset.rotation ? targets.map(targetRecord) : [],
    startedAt: iso(startedAt),
    finishedAt: iso(finishedAt),
    outcome,
    ...defined({ cutOverAt: ifDefined(rotation.cutOverAt, iso) }),
    ...(failure && { failure: `${failure.reason}: ${failure.message}` }),
    ...defined({ inferred: rotation.inferred }),
    ...(emergency && seconds !== undefined && { emergency: { nonce: emergency.nonce, seconds, burnt } }),
    ...defined({ steps: stepsOf(diary, id) }),
  };
}

/** Only the operator process that asked the pods knows when the last one had answered. */
function targetRecord({ target, level, answeredAt }: TargetAssessment): AuditRecord['targets'][number] {
  const { kind, name } = target.settings;
  const bumpedAt = target.workload?.bumpedAt;
  return {
    ...{ kind, name, level, pods: target.pods.length },
    ...defined({ bumpedAt: ifDefined(bumpedAt, iso), ackedAt: ifDefined(answeredAt, iso) }),
  };
}
