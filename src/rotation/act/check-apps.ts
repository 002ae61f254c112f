/**
 * Asks one pod of each target which tokens it accepts, for a person who wants to know whether the service is ready for
 * a rotation. rekey decides nothing by the answers.
 */
import { defined } from '../../base/objects.ts';
import { redactText } from '../../runtime/redact.ts';
import { keptValue } from '../api/said.ts';
import type { JwtKeyRotationStatus } from '../api/types.ts';
import { askConformance } from '../conformance/ask.ts';
import { type Answered, fitness, judged } from '../conformance/judge.ts';
import { type Checked, keptPods } from '../conformance/kept.ts';
import type { Facts, PodFacts, PodOf, TargetFacts } from '../facts.ts';
import type { Keyset } from '../keyset/keyset.ts';
import { startedAfterWrite } from '../plan/evidence.ts';
import { label } from '../plan/policies/targets.ts';
import { canaryUrl, requestText } from '../secret/canary-request.ts';
import type { CheckOptions } from './check-canaries.ts';
import { destroyKeys, type KeysInUse, keysInUse } from './keys-in-use.ts';

export type AppCheck = Pick<NonNullable<JwtKeyRotationStatus['appCheck']>, 'note' | 'keysetVersion' | 'pods'>;

/** Targets in one check, in parallel, one pod of each: all pods of a target run the same program. */
const MAX_TARGETS = 16;
/** Time limit of the answers of one service. */
const BUDGET_MS = 10_000;
/** Characters of a note: the status has to stay small. */
const MAX_NOTE = 1_024;

export interface AppCheckOptions extends CheckOptions {
  /** Once it is aborted, nothing more is sent. */
  readonly signal: AbortSignal;
}

/** @param wanted the only target to ask, such as `Deployment/api`; undefined for all */
export async function checkApps(
  options: AppCheckOptions,
  namespace: string,
  facts: Facts,
  wanted: string | undefined,
): Promise<AppCheck> {
  const meant = facts.targets.filter((target) => wanted === undefined || label(target) === wanted);
  const found = meant.flatMap((target) => (target.settings.canary === undefined ? [] : (podOf(target) ?? [])));
  const rows = found.slice(0, MAX_TARGETS);
  const keys = await keysInUse(options.client, namespace, facts.settings);
  using held = new DisposableStack();
  held.defer(() => destroyKeys(keys));
  const left = found.slice(MAX_TARGETS).map(({ target }) => label(target));
  const unasked = [
    ...(wanted !== undefined && meant.length === 0 ? [`there is no target ${keptValue(wanted)}`] : []),
    ...meant.flatMap((target) => whyNot(target) ?? []),
    ...(left.length > 0 ? [`not asked, since these are more than ${MAX_TARGETS} targets: ${left.join(', ')}`] : []),
    ...('why' in keys ? [] : phaseNote(keys.keyset)),
  ];
  if ('why' in keys) return { note: noteOf([`nothing was sent: ${keys.why}`, ...unasked]), pods: [] };
  const pods = keptPods(await Promise.all(rows.map((row) => checkedPod(row, facts, keys, options))));
  const keysetVersion = keys.keyset?.version;
  return { ...(unasked.length > 0 && { note: noteOf(unasked) }), ...defined({ keysetVersion }), pods };
}

function noteOf(parts: readonly string[]): string {
  const text = parts.join('; ');
  return text.length <= MAX_NOTE ? text : `${text.slice(0, MAX_NOTE - 1)}…`;
}

function whyNot(target: TargetFacts): string | undefined {
  if (target.settings.canary === undefined) return `${label(target)} has no canary`;
  return podOf(target) === undefined ? `${label(target)} has no pod` : undefined;
}

function phaseNote(keyset: Keyset | undefined): readonly string[] {
  if (keyset === undefined || keyset.phase === 'Steady') return [];
  return [`asked in phase ${keyset.phase}: in a rotation pods have different keys on purpose; ask again at rest`];
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
  keys: Exclude<KeysInUse, { readonly why: string }>,
  { sender, now, signal }: AppCheckOptions,
): Promise<Checked> {
  const { algorithm, clockSkewMs } = facts.settings;
  const { canary } = target.settings;
  const place = { target: label(target), pod: pod.name };
  const { address, port, unprobeable } = pod;
  if (canary === undefined || unprobeable !== undefined || address === undefined || port === undefined) {
    const message = unprobeable ?? `pod ${pod.name} has no address yet`;
    return { ...place, result: 'Unknown', message, rows: [] };
  }
  const url = canaryUrl(address, port, canary);
  const asked = { url, form: canary, tokens: { algorithm, clockSkewMs, claims: canary.claims } };
  // a token without expiry, signed with a real key, would be valid until the key is gone
  const options = { sender, withoutExpiry: false, budgetMs: BUDGET_MS, now, signal };
  const rows = judged((await askConformance(asked, keys, options)).map((row) => sure(row, pod, keys.keyset)));
  const said = rows.map((row) => ({ ...row, said: redactText(row.said) }));
  return { ...place, request: requestText(url, canary), result: fitness(rows), rows: said };
}

/** A pod that started before a key was written cannot know it, so its refusal proves nothing about the service. */
function sure(row: Answered, pod: PodFacts, keyset: Keyset | undefined): Answered {
  if (row.name !== 'fallback' || row.answer !== 'refused') return row;
  if (keyset !== undefined && startedAfterWrite(pod, keyset)) return row;
  const said = `${row.said}, and the pod may have started before this key was written: ask again after it has restarted`;
  return { ...row, answer: 'unknown', said };
}
