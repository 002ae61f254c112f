import { describe, expect, it } from 'vitest';
import type { Evidence } from '../evidence.ts';
import { newLife } from '../life.ts';
import { wronglyRejected } from './traffic.ts';

const START = 1_000;
const WRITE = 2_000;
const END = 3_000;

const record = (phase: string, at: number, sign: string) => ({
  ...{
    resourceVersion: BigInt(at),
    at,
    sign,
    kid: `kid of ${sign}`,
    fallbacks: [],
    version: at,
    phase,
    foreign: false,
  },
});

/** A pod that held the old key, and one that has held the new one since the write. */
function livesOf() {
  const of = (pod: string) => newLife({ pod, service: 'main', container: pod }, 1n);
  const [older, newer] = [of('older'), of('newer')];
  older.accepts.add('old');
  newer.accepts.add('new');
  return [older, newer];
}

function countedIn(workload: Evidence['plan']['workload'], kid: string, verifierPod: string, at: number): number {
  const rejections = [{ kid, verifierPod, at: new Date(at) }];
  const records = [record('Steady', START, 'old'), record('Switching', WRITE, 'new'), record('Steady', END, 'new')];
  const evidence = { plan: { workload }, traffic: { rejections }, records, lives: livesOf() };
  return wronglyRejected(evidence as unknown as Evidence).length;
}

describe('a rejected token', () => {
  it.each([
    ['of the old key before the write', 'kid of old', 'older', WRITE - 500, 1],
    ['of the old key after it', 'kid of old', 'newer', WRITE + 500, 0],
    ['of the old key when it is over', 'kid of old', 'newer', END + 500, 0],
    ['of the new key by a pod that holds it', 'kid of new', 'newer', WRITE + 500, 1],
    ['of the new key by a pod that does not', 'kid of new', 'older', WRITE + 500, 0],
    ['of the new key when it is over', 'kid of new', 'older', END + 500, 1],
  ])('%s', (_, kid, pod, at, counted) => {
    expect(countedIn('cutover', kid, pod, at)).toBe(counted);
  });

  it('counts whatever it was in a rotation, and never in an emergency', () => {
    expect(countedIn('rotate', 'kid of old', 'newer', END + 500)).toBe(1);
    expect(countedIn('emergency', 'kid of new', 'newer', END + 500)).toBe(0);
  });
});
