/**
 * Asks pods once, for a person who wants to see their answers to two tokens: one of the key in use, and one with the
 * same claims signed with a made-up key. rekey decides nothing by the answers.
 */
import pLimit from 'p-limit';
import type { KubeClient } from '../../kube/client.ts';
import type { JwtKeyRotationStatus } from '../api/types.ts';
import type { SigningKey } from '../conformance/tokens.ts';
import type { Facts, PodOf } from '../facts.ts';
import { judgedPair, type Pair } from '../plan/policies/pair.ts';
import { label } from '../plan/policies/targets.ts';
import { canaryUrl, requestText } from '../secret/canary-request.ts';
import type { Asked, CanarySender } from '../secret/canary-sender.ts';
import { generateKey, MIN_KEY_BYTES, newKid } from '../secret/keys.ts';
import type { Settings } from '../settings/settings.ts';
import { destroyKeys, keysInUse } from './keys-in-use.ts';

export type CanaryCheck = Pick<NonNullable<JwtKeyRotationStatus['canaryCheck']>, 'note' | 'pods'>;
type CheckedPod = CanaryCheck['pods'][number];

/** Pods in one check: a status must stay small. */
const MAX_PODS = 32;
const PODS_AT_ONCE = 16;
const MAX_REQUEST = 2_048;

type InUse = SigningKey | { readonly why: string };

export interface CheckOptions {
  readonly client: KubeClient;
  readonly sender: CanarySender;
  /** The latest possible time by the clock of the API server, milliseconds since the epoch. */
  readonly now: () => number;
}

/** @returns the answers of each pod and their meaning; of many pods, at least one of each target */
export async function checkCanaries(
  { client, sender, now }: CheckOptions,
  namespace: string,
  { settings, targets }: Pick<Facts, 'settings' | 'targets'>,
): Promise<CanaryCheck> {
  const keys = await keysInUse(client, namespace, settings);
  using held = new DisposableStack();
  held.defer(() => destroyKeys(keys));
  const inUse: InUse = 'why' in keys ? keys : keys.signing;
  const asked = targets.filter((target) => target.settings.canary !== undefined);
  const rows = asked.flatMap((target) => target.pods.filter((pod) => !pod.terminating).map((pod) => ({ target, pod })));
  const isFirst = ({ target }: PodOf, i: number) => rows.findIndex((row) => row.target === target) === i;
  const inTurn = [...rows.filter(isFirst), ...rows.filter((row, i) => !isFirst(row, i))].slice(0, MAX_PODS);
  const limit = pLimit(PODS_AT_ONCE);
  const ask = (row: PodOf) => checkedPod(row, settings, inUse, sender, now);
  const pods = await Promise.all(rows.filter((row) => inTurn.includes(row)).map((row) => limit(ask, row)));
  const left = rows.length - pods.length;
  const notes = [
    ...('why' in inUse ? [`no token of the key in use was sent: ${inUse.why}`] : []),
    ...(left > 0 ? [`${left} more pods were not asked`] : []),
    ...asked
      .filter((target) => !rows.some((row) => row.target === target))
      .map((target) => `${label(target)} has no pod`),
  ];
  return { ...(notes.length > 0 && { note: notes.join('; ') }), pods };
}

async function checkedPod(
  row: PodOf,
  { algorithm, clockSkewMs }: Settings,
  inUse: InUse,
  sender: CanarySender,
  now: () => number,
): Promise<CheckedPod> {
  const { target, pod } = row;
  const { canary } = target.settings;
  const place = { target: label(target), pod: pod.name };
  const { address, port, unprobeable } = pod;
  if (canary === undefined || unprobeable !== undefined || address === undefined || port === undefined) {
    return { ...place, verdict: 'Unknown', message: unprobeable ?? `pod ${pod.name} has no address yet` };
  }
  const url = canaryUrl(address, port, canary);
  const tokens = { algorithm, clockSkewMs, claims: canary.claims };
  const pair = await askPair({ url, form: canary, tokens }, inUse, sender, now);
  const request = requestText(url, canary).slice(0, MAX_REQUEST);
  const said = ({ answer, said: what }: Pair['madeUp']) => `${answer}: ${what}`;
  return {
    ...{ ...place, request, madeUp: said(pair.madeUp) },
    ...(pair.inUse && { inUse: said(pair.inUse) }),
    ...judgedPair(pod.name, pair, canary),
  };
}

async function askPair(asked: Asked, inUse: InUse, sender: CanarySender, now: () => number): Promise<Pair> {
  using foreign = generateKey(MIN_KEY_BYTES);
  if ('why' in inUse) return { madeUp: await sender.ask(asked, foreign, newKid(), now()) };
  const { kid, material } = inUse;
  // under the same id, so that the two differ only in the key
  const madeUp = await sender.ask(asked, foreign, kid, now());
  return { inUse: await sender.ask(asked, material, kid, now()), madeUp };
}
