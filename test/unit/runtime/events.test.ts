import { describe, expect, test } from 'vitest';
import { KubeError, type KubeErrorCode } from '../../../src/kube/errors.ts';
import type { Event } from '../../../src/kube/types.ts';
import { type DropReason, EventRecorder, type EventRecorderOptions } from '../../../src/runtime/events.ts';
import { FakeClock } from './fake-clock.ts';
import { fakeLog } from './fake-log.ts';

const regarding = (name = 'jwt') => ({
  apiVersion: 'rekey.dev/v1alpha1',
  kind: 'JwtKeyRotation',
  metadata: { namespace: 'shop', name, uid: `uid-${name}` },
});
const text = (note: string, reason = 'KeyStaged') => ({ type: 'Normal' as const, reason, action: 'Stage', note });

function build(fail: (tries: number) => KubeErrorCode | 'hang' | undefined = () => undefined) {
  const clock = new FakeClock();
  const log = fakeLog();
  const sent: Event[] = [];
  const names: string[] = [];
  const dropped: Partial<Record<DropReason, number>> = {};
  const client = {
    create: async (_: unknown, event: Event, { signal }: { readonly signal: AbortSignal }) => {
      names.push(event.metadata.name);
      const code = fail(names.length);
      if (code === 'hang') await new Promise((_, reject) => signal.addEventListener('abort', reject));
      else if (code !== undefined) throw new KubeError({ code, verb: 'create', resource: 'events' });
      sent.push(event);
      return event;
    },
  } as unknown as EventRecorderOptions['client'];
  const recorder = new EventRecorder({
    client,
    clock,
    log,
    reportingController: 'rekey.dev/rekey',
    reportingInstance: 'rekey-0',
    onDropped: (reason, events) => {
      dropped[reason] = (dropped[reason] ?? 0) + events;
    },
  });
  return { clock, log, sent, names, dropped, recorder };
}

test('an Event tells what happened to which object', async () => {
  const { clock, sent, recorder } = build();
  recorder.event(regarding(), text('key k-1 was staged'));
  await clock.advance(0);
  expect(sent).toEqual([
    {
      metadata: { name: expect.stringMatching(/^jwt\.[0-9a-f]{16}$/), namespace: 'shop' },
      eventTime: '2026-11-25T10:00:00.000000Z',
      type: 'Normal',
      reason: 'KeyStaged',
      action: 'Stage',
      note: 'key k-1 was staged',
      regarding: {
        apiVersion: 'rekey.dev/v1alpha1',
        kind: 'JwtKeyRotation',
        namespace: 'shop',
        name: 'jwt',
        uid: 'uid-jwt',
      },
      reportingController: 'rekey.dev/rekey',
      reportingInstance: 'rekey-0',
    },
  ]);
});

test('an Event steers no terminal', async () => {
  const { clock, sent, recorder } = build();
  recorder.event(regarding(), text('for \u001b[2J\u009b\u202ereason'));
  await clock.advance(0);
  expect(sent.map(({ note }) => note)).toEqual(['for \\u001b[2J\\u009b\\u202ereason']);
});

test.each([
  ['a hyphen', '-'],
  ['a dot', '.'],
  ['a row of hyphens', '---'],
])('an Event has a valid name where that of its object is cut after %s', async (_, end) => {
  const { clock, names, recorder } = build();
  const name = `${'a'.repeat(230 - end.length)}${end}${'b'.repeat(20)}`;
  recorder.event(regarding(name), text('staged'));
  await clock.advance(0);
  expect(names).toEqual([expect.stringMatching(/^a+\.[0-9a-f]{16}$/)]);
});

test('the same Event is sent once in ten minutes; another note, reason or object is another Event', async () => {
  const { clock, sent, recorder } = build();
  for (let i = 0; i < 5; i += 1) recorder.event(regarding(), text('same'));
  recorder.event(regarding(), text('other'));
  recorder.event(regarding(), text('same', 'KeyPromoted'));
  recorder.event(regarding('second'), text('same'));
  await clock.advance(600_000);
  expect(sent).toHaveLength(4);
  recorder.event(regarding(), text('same'));
  await clock.advance(0);
  expect(sent).toHaveLength(5);
});

test('one object may send a burst of 25, then one in five minutes; others are not held up', async () => {
  const { clock, sent, dropped, recorder } = build();
  for (let i = 0; i < 100; i += 1) recorder.event(regarding(), text(`note ${i}`));
  recorder.event(regarding('second'), text('note'));
  await clock.advance(0);
  expect(sent).toHaveLength(26);
  expect(dropped).toEqual({ RateLimited: 75 });
  await clock.advance(300_000);
  for (let i = 100; i < 200; i += 1) recorder.event(regarding(), text(`note ${i}`));
  await clock.advance(0);
  expect(sent).toHaveLength(27);
});

describe('a note', () => {
  test.each(['x', 'ü', '☃', '𝄞'])('of too many %s is cut between characters to 1024 bytes', async (character) => {
    const { clock, sent, recorder } = build();
    recorder.event(regarding(), text(character.repeat(2_000)));
    await clock.advance(0);
    const note = sent[0]?.note ?? '';
    expect(Buffer.byteLength(note)).toBeLessThanOrEqual(1_024);
    expect(Buffer.byteLength(note)).toBeGreaterThan(1_016);
    expect(note.replaceAll(character, '')).toBe('…');
  });

  test('of 1024 bytes is left as it is', async () => {
    const { clock, sent, recorder } = build();
    recorder.event(regarding(), text('x'.repeat(1_024)));
    await clock.advance(0);
    expect(sent[0]?.note).toBe('x'.repeat(1_024));
  });
});

test('a passing failure is tried again under the same name, so that it cannot become two Events', async () => {
  const { clock, sent, names, recorder } = build((tries) => (tries < 3 ? 'Timeout' : undefined));
  recorder.event(regarding(), text('note'));
  await clock.advance(10_000);
  expect(sent).toHaveLength(1);
  expect(new Set(names).size).toBe(1);
  expect(names).toHaveLength(3);
});

test('AlreadyExists means that the lost answer was a yes', async () => {
  const { clock, names, log, recorder } = build((tries) => (tries === 1 ? 'Timeout' : 'AlreadyExists'));
  recorder.event(regarding(), text('note'));
  await clock.advance(60_000);
  expect(names).toHaveLength(2);
  expect(log.lines).toEqual([]);
});

test.each([
  ['Forbidden', 1, 'Refused'],
  ['NotFound', 1, 'Refused'],
  ['Unreachable', 9, 'Unanswered'],
] as const)(
  '%s drops the Event after %i tries, which is counted, and the next one goes on',
  async (code, tries, why) => {
    const { clock, names, dropped, recorder } = build(() => code);
    expect(() => recorder.event(regarding(), text('one'))).not.toThrow();
    recorder.event(regarding(), text('two'));
    await clock.advance(600_000);
    expect(names).toHaveLength(2 * tries);
    expect(dropped).toEqual({ [why]: 2 });
  },
);

test('the server may be away for a minute and a half without the loss of an Event', async () => {
  let away = true;
  const { clock, sent, dropped, recorder } = build(() => (away ? 'Unreachable' : undefined));
  for (let i = 0; i < 300; i += 1) recorder.event(regarding(`o-${i}`), text('note'));
  await clock.advance(90_000);
  away = false;
  await clock.advance(600_000);
  expect(sent).toHaveLength(300);
  expect(dropped).toEqual({});
});

test('the Events of one object come in their order, and a slow object does not hold up the others', async () => {
  const { clock, sent, recorder } = build((tries) => (tries === 1 ? 'hang' : undefined));
  recorder.event(regarding('slow'), text('one'));
  recorder.event(regarding('slow'), text('two'));
  for (const note of ['one', 'two', 'three']) recorder.event(regarding('other'), text(note));
  await clock.advance(0);
  expect(sent.map(({ regarding: { name }, note }) => `${name} ${note}`)).toEqual([
    'other one',
    'other two',
    'other three',
  ]);
});

test('what is dropped is said in one line a minute, with the number of all that were', async () => {
  const { clock, log, recorder } = build(() => 'Forbidden');
  for (let i = 0; i < 50; i += 1) recorder.event(regarding(`o-${i}`), text('note'));
  await clock.advance(59_999);
  expect(log.lines).toMatchObject([
    { level: 'warn', message: 'Events were dropped', fields: { dropped: { Refused: 1 } } },
  ]);
  await clock.advance(1);
  recorder.event(regarding('last'), text('note'));
  await clock.advance(0);
  expect(log.lines[1]?.fields).toMatchObject({ dropped: { Refused: 50 }, last: 'KeyStaged', regarding: 'shop/last' });
  expect(log.lines).toHaveLength(2);
});

test('an Event that is one too many is counted once, and sent when its time has come', async () => {
  const { clock, sent, dropped, recorder } = build();
  for (let i = 0; i < 25; i += 1) recorder.event(regarding(), text(`note ${i}`));
  for (let pass = 0; pass < 100; pass += 1) recorder.event(regarding(), text('again and again'));
  expect(dropped).toEqual({ RateLimited: 1 });
  await clock.advance(300_000);
  recorder.event(regarding(), text('again and again'));
  await clock.advance(0);
  expect(sent.at(-1)?.note).toBe('again and again');
});

test('while the server hangs ten thousand Events wait; what is more is dropped and counted, and the end waits for none', async () => {
  const { clock, log, dropped, recorder } = build(() => 'hang');
  for (let i = 0; i < 12_000; i += 1) recorder.event(regarding(`o-${i}`), text('note'));
  await clock.advance(0);
  expect(dropped).toEqual({ QueueFull: 12_000 - 10_000 - 8 });
  const limit = new AbortController();
  const flushing = recorder.flush(limit.signal);
  limit.abort();
  await flushing;
  await clock.advance(0);
  expect(dropped).toEqual({ QueueFull: 1_992, Stopped: 10_008 });
  expect(log.lines.at(-1)?.fields).toMatchObject({ dropped: { QueueFull: 1_991, Stopped: 10_000 } });
  expect(clock.timers).toBe(0);
});

test('the end of the process waits for no further try', async () => {
  const { clock, dropped, recorder } = build(() => 'Unreachable');
  recorder.event(regarding(), text('note'));
  await clock.advance(20_000);
  await recorder.flush(AbortSignal.abort());
  await clock.advance(0);
  expect(clock.timers).toBe(0);
  expect(dropped).toEqual({ Stopped: 1 });
});

test('flush waits for what is under way', async () => {
  const { sent, recorder } = build();
  recorder.event(regarding(), text('one'));
  recorder.event(regarding(), text('two'));
  await recorder.flush(new AbortController().signal);
  expect(sent).toHaveLength(2);
  await recorder.flush(new AbortController().signal);
});
