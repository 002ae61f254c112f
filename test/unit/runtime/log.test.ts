import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { systemClock } from '../../../src/runtime/clock.ts';
import { createLogger, type Level } from '../../../src/runtime/log.ts';

const now = () => Date.UTC(2026, 10, 25, 10);

function build(level: Level = 'info') {
  const stream = new PassThrough();
  const log = createLogger({ level, now, stream });
  const lines = async () => {
    await log.flush();
    return String(stream.read() ?? '')
      .split('\n')
      .filter((line) => line !== '');
  };
  return { log, lines };
}

test('a line is one JSON object with time, level and message first', async () => {
  const { log, lines } = build();
  log.info('key staged', { namespace: 'shop', kid: 'k-1' });
  expect(await lines()).toEqual([
    '{"time":"2026-11-25T10:00:00.000Z","level":"info","message":"key staged","namespace":"shop","kid":"k-1"}',
  ]);
});

test('fields of children are added, and no field takes the place of time, level or message', async () => {
  const { log, lines } = build();
  log.child({ controller: 'rotation' }).child({ name: 'jwt' }).warn('careful', { message: 'x', level: 'y', time: 'z' });
  expect((await lines()).map((line) => JSON.parse(line))).toEqual([
    { time: '2026-11-25T10:00:00.000Z', level: 'warn', message: 'careful', controller: 'rotation', name: 'jwt' },
  ]);
});

test('levels below the one that was asked for are left out', async () => {
  const { log, lines } = build('warn');
  for (const level of ['debug', 'info', 'warn', 'error'] as const) log[level](level);
  expect((await lines()).map((line) => JSON.parse(line).level)).toEqual(['warn', 'error']);
});

test('an error is shown with its cause, and without a secret', async () => {
  const { log, lines } = build();
  const key = 'ab'.repeat(32);
  log.error(`failed with ${key}`, { error: new Error(`bad ${key}`, { cause: new Error(key) }) });
  const [line = ''] = await lines();
  expect(line).not.toContain('abab');
  expect(JSON.parse(line)).toMatchObject({ error: { message: 'bad [redacted]', cause: { message: '[redacted]' } } });
});

test('text that would forge a line stays in its own', async () => {
  const { log, lines } = build();
  const name = 'x\r\n\u001b[31m\u0000\u009b2J\u202e\u{e0041}';
  log.info('a\n{"level":"error"}', { name });
  const all = await lines();
  expect(all).toHaveLength(1);
  expect(all[0]).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  expect(JSON.parse(all[0] ?? '')).toMatchObject({ name });
});

test('logging never throws, neither what is odd nor after the end nor into a closed pipe', async () => {
  const { log } = build();
  const hostile = new Proxy(
    {},
    {
      get: () => {
        throw new Error('no');
      },
      ownKeys: () => {
        throw new Error('no');
      },
    },
  );
  expect(() => log.info('odd', { hostile })).not.toThrow();
  await log.flush();
  expect(() => log.info('after')).not.toThrow();
  await log.flush();
  const broken = createLogger({
    level: 'info',
    now,
    stream: new Writable({ write: (_, __, done) => done(new Error('EPIPE')) }),
  });
  broken.info('into the void');
  broken.info('again');
  await broken.flush();
});

test('no line is lost on a slow pipe when the process exits after flush', async () => {
  const script = `
    import { createLogger } from ${JSON.stringify(join(import.meta.dirname, '../../../src/runtime/log.ts'))};
    const log = createLogger({ level: 'info', now: () => 0 });
    for (let i = 0; i < 20000; i += 1) log.info('line', { i, padding: 'x y '.repeat(20) });
    await log.flush();
    process.exit(0);
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  // Reads nothing for a while, so that the pipe is full.
  await systemClock.sleep(500);
  expect((await text(child.stdout)).split('\n')).toHaveLength(20_001);
});
