import { expect, test } from 'vitest';
import { Gate } from '../../../src/kube/gate.ts';
import { turn } from '../runtime/fake-clock.ts';

async function enterAs(gate: Gate, name: string, inside: string[], signal?: AbortSignal): Promise<() => void> {
  const leave = await gate.enter(signal);
  if (signal?.aborted !== true) inside.push(name);
  return leave;
}

test('so many are let in, the others in the order of their arrival as places get free', async () => {
  const gate = new Gate(2);
  const inside: string[] = [];
  const [first, second, third] = ['a', 'b', 'c', 'd'].map((name) => enterAs(gate, name, inside));
  await turn();
  expect(inside).toEqual(['a', 'b']);
  (await second)?.();
  await turn();
  expect(inside).toEqual(['a', 'b', 'c']);
  (await first)?.();
  (await third)?.();
  await turn();
  expect(inside).toEqual(['a', 'b', 'c', 'd']);
});

test('a place is given back once', async () => {
  const gate = new Gate(1);
  const inside: string[] = [];
  const leave = await enterAs(gate, 'a', inside);
  leave();
  leave();
  void enterAs(gate, 'b', inside);
  void enterAs(gate, 'c', inside);
  await turn();
  expect(inside).toEqual(['a', 'b']);
});

test('who gives up takes no place', async () => {
  const gate = new Gate(1);
  const inside: string[] = [];
  const stop = new AbortController();
  const leave = await enterAs(gate, 'a', inside);
  const waiting = enterAs(gate, 'b', inside, stop.signal);
  void enterAs(gate, 'c', inside);
  stop.abort();
  (await waiting)();
  (await enterAs(gate, 'd', inside, stop.signal))();
  await turn();
  expect(inside).toEqual(['a']);
  leave();
  await turn();
  expect(inside).toEqual(['a', 'c']);
});
