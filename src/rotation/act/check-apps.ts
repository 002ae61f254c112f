/**
 * Asks one pod of each target which tokens it accepts, for a person who wants to know whether the service is ready for
 * a rotation. rekey decides nothing by the answers.
 */
import pLimit from 'p-limit';
import { defined } from '../../base/objects.ts';
import { redactText } from '../../runtime/redact.ts';
import type { JwtKeyRotationStatus } from '../api/types.ts';
import { askConformance } from '../conformance/ask.ts';
import { type Answered, fitness, judged } from '../conformance/judge.ts';
import type { ServiceKeys } from '../conformance/tokens.ts';
import type { Facts, PodOf, TargetFacts } from '../facts.ts';
import { startedAfterWrite } from '../plan/evidence.ts';
import { label } from '../plan/policies/targets.ts';
import { canaryUrl, requestText } from '../secret/canary-request.ts';
import type { CheckOptions } from './check-canaries.ts';
import { destroyKeys, keysInUse } from './keys-in-use.ts';

export type AppCheck = Pick<NonNullable<JwtKeyRotationStatus['appCheck']>, 'note' | 'pods'>;
type CheckedPod = AppCheck['pods'][number];

/** Targets in one check, one pod of each: all pods of a target run the same program. */
const MAX_TARGETS = 16;
const AT_ONCE = 8;
/** Fallbacks in one check. */
const MAX_FALLBACKS = 8;
/** Time limit: an emergency may have to wait for the check. */
const BUDGET_MS = 10_000;
const MAX_REQUEST = 2_048;

/** @param wanted the only target to ask, such as `Deployment/api`; undefined for all */
export async function checkApps(
  options: CheckOptions,
  namespace: string,
  facts: Facts,
  wanted: string | undefined,
): Promise<AppCheck> {
  const { settings } = facts;
  const meant = facts.targets.filter((target) => wanted === undefined || label(target) === wanted);
  const asked = meant.filter((target) => target.settings.canary !== undefined);
  const rows = asked.flatMap((target) => podOf(target) ?? []).slice(0, MAX_TARGETS);
  const keys = await keysInUse(options.client, namespace, settings);
  using held = new DisposableStack();
  held.defer(() => destroyKeys(keys));
  const unasked = [
    ...(wanted !== undefined && meant.length === 0 ? [`there is no target ${wanted}`] : []),
    ...meant.filter((target) => !asked.includes(target)).map((target) => `${label(target)} has no canary`),
    ...asked
      .filter((target) => !rows.some((row) => row.target === target))
      .map((target) => `${label(target)} has no pod`),
  ];
  if ('why' in keys) return { note: [`nothing was sent: ${keys.why}`, ...unasked].join('; '), pods: [] };
  const limit = pLimit(AT_ONCE);
  const pods = await Promise.all(rows.map((row) => limit(checkedPod, row, facts, keys, options)));
  const left = keys.fallbacks.length - MAX_FALLBACKS;
  const notes = [...unasked, ...(left > 0 ? [`${left} more fallbacks were not tried`] : [])];
  return { ...(notes.length > 0 && { note: notes.join('; ') }), pods };
}

/** Prefers a ready pod. */
function podOf(target: TargetFacts): PodOf | undefined {
  const live = target.pods.filter((pod) => !pod.terminating);
  const pod = live.find(({ ready }) => ready) ?? live[0];
  return pod && { target, pod };
}

async function checkedPod(
  { target, pod }: PodOf,
  facts: Facts,
  keys: ServiceKeys,
  { sender, now }: CheckOptions,
): Promise<CheckedPod> {
  const { algorithm, clockSkewMs } = facts.settings;
  const { canary } = target.settings;
  const place = { target: label(target), pod: pod.name };
  const { address, port, unprobeable } = pod;
  if (canary === undefined || unprobeable !== undefined || address === undefined || port === undefined) {
    const message = unprobeable ?? `pod ${pod.name} has no address yet`;
    return { ...place, result: 'Unknown', message, answers: [] };
  }
  const url = canaryUrl(address, port, canary);
  const asked = { url, form: canary, tokens: { algorithm, clockSkewMs, claims: canary.claims } };
  const some = { ...keys, fallbacks: keys.fallbacks.slice(0, MAX_FALLBACKS) };
  // a token without expiry, signed with a real key, would be valid until the key is gone
  const options = { sender, withoutExpiry: false, budgetMs: BUDGET_MS, now };
  const rows = judged((await askConformance(asked, some, options)).map((row) => sure(row, { target, pod }, facts)));
  return {
    ...place,
    request: requestText(url, canary).slice(0, MAX_REQUEST),
    result: fitness(rows),
    answers: rows.map(({ name, which, answer, said, verdict }) => {
      return { case: name, ...defined({ which }), answer, said: redactText(said), verdict };
    }),
  };
}

/** A pod that started before a key was written cannot know it, so its refusal proves nothing about the service. */
function sure(row: Answered, { pod }: PodOf, { secret }: Facts): Answered {
  if (row.name !== 'fallback' || row.answer !== 'refused') return row;
  if (secret.kind === 'Managed' && startedAfterWrite(pod, secret.keyset)) return row;
  const said = `${row.said}, and the pod may have started before this key was written: ask again after it has restarted`;
  return { ...row, answer: 'unknown', said };
}
