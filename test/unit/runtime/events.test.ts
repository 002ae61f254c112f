import { describe, expect, test } from 'vitest';
import { KubeError, type KubeErrorCode } from '../../../src/kube/errors.ts';
import type { Event } from '../../../src/kube/types.ts';
import { EventRecorder, type EventRecorderOptions } from '../../../src/runtime/events.ts';
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
  const client = {
    create: async (_: unknown, event: Event) => {
      names.push(event.metadata.name);
      const code = fail(names.length);
      if (code === 'hang') await new Promise(() => undefined);
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
  });
  return { clock, log, sent, names, recorder };
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
  const { clock, sent, recorder } = build();
  for (let i = 0; i < 100; i += 1) recorder.event(regarding(), text(`note ${i}`));
  recorder.event(regarding('second'), text('note'));
  await clock.advance(0);
  expect(sent).toHaveLength(26);
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
  ['Forbidden', 1],
  ['NotFound', 1],
  ['Unreachable', 3],
] as const)(
  '%s drops the Event after %i tries, with a line in the log, and the next one goes on',
  async (code, tries) => {
    const { clock, log, names, recorder } = build(() => code);
    expect(() => recorder.event(regarding(), text('one'))).not.toThrow();
    recorder.event(regarding(), text('two'));
    await clock.advance(60_000);
    expect(names).toHaveLength(2 * tries);
    expect(log.lines).toHaveLength(2);
  },
);

test('recording goes on while the server hangs, within bounds', async () => {
  const { clock, recorder } = build(() => 'hang');
  for (let i = 0; i < 10_000; i += 1) recorder.event(regarding(`o-${i}`), text('note'));
  await clock.advance(0);
  const limit = new AbortController();
  const flushing = recorder.flush(limit.signal);
  limit.abort();
  await flushing;
});

test('flush waits for what is under way', async () => {
  const { sent, recorder } = build();
  recorder.event(regarding(), text('one'));
  recorder.event(regarding(), text('two'));
  await recorder.flush(new AbortController().signal);
  expect(sent).toHaveLength(2);
  await recorder.flush(new AbortController().signal);
});
