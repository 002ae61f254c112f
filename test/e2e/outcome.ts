/** What a scene saw, and whether that is what rekey promises. */
import { readState, waitUntilDone } from '../support/scenario/rotation.ts';
import { waitForServices } from '../support/scenario/services.ts';
import type { TrafficReport } from '../support/traffic/traffic.ts';
import type { Shop } from './shop.ts';

export interface Outcome {
  readonly report?: TrafficReport;
  /** In which words the promise was kept; not said where there are faults. */
  readonly promise: string;
  /** What is wrong, a line for each. */
  readonly faults: readonly string[];
}

export const hasPassed = ({ faults }: Outcome): boolean => faults.length === 0;

export function lineOf(name: string, { report, promise, faults }: Outcome, took: string): string {
  const count = (value: number | undefined): string => (value ?? 0).toLocaleString('en').padStart(7);
  const counts = [
    `${count(report?.issued)} tokens`,
    `${count(report?.checks)} checks`,
    `${report?.rejected ?? '?'} rejected`,
  ];
  return [name.padEnd(14), ...counts, took.padStart(8), faults.length === 0 ? promise : 'FAILED'].join('  ');
}

/** A line for each thing that is not so. */
export const faultsIn = (facts: Readonly<Record<string, boolean>>): readonly string[] =>
  Object.entries(facts).flatMap(([what, holds]) => (holds ? [] : [`not so: ${what}`]));

/**
 * Judges a rotation that was asked for: no token was rejected, it was completed, the key that signed before is accepted nowhere and the
 * one that signs now everywhere, and no key is in what was said.
 */
export async function judgeRotation(shop: Shop, requestedAt: string): Promise<Outcome> {
  const { api, namespace, name, keys, traffic } = shop;
  await waitUntilDone(api, namespace, name, { requestedAt });
  await waitForServices(api, namespace);
  await traffic.drain();
  const report = await traffic.stop();
  const { keyset } = await readState(api, namespace, name);
  const [old = '', ...later] = keys.signingKeys();
  const current = later.at(-1) ?? '';
  const faults = faultsIn({
    'no valid token was rejected': report.rejected === 0,
    'the rotation was completed': keyset?.rotation?.outcome === 'Completed',
    'there were tokens of both keys': Object.keys(report.issuedByKid).length >= 2,
    ...(await acceptance(shop, old, current)),
  });
  const details = report.rejections.slice(0, 3).map((each) => `rejected: ${JSON.stringify(each)}`);
  return { report, promise: 'no valid token rejected', faults: [...faults, ...details, ...(await shop.leaks())] };
}

/** What each pod says to tokens of the old and of the new key, asked at its own address. */
export async function acceptance(shop: Shop, old: string, current: string): Promise<Readonly<Record<string, boolean>>> {
  const [before, now] = [await shop.accepting(old), await shop.accepting(current)];
  return {
    'there is a new key': current !== '' && current !== old,
    [`the old key is accepted nowhere (${before.accepting} of ${before.all})`]: before.accepting === 0,
    [`the new key is accepted everywhere (${now.accepting} of ${now.all})`]: now.all > 0 && now.accepting === now.all,
  };
}
