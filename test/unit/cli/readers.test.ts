/** Who got a Secret, by audit logs of many shapes. A log of a real API server: test/apiserver/readers.test.ts. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type ReadersOptions, readers } from '../../../src/cli/readers.ts';
import type { Terminal } from '../../../src/cli/terminal.ts';
import { listener } from '../../support/terminal/listener.ts';

const dir = mkdtempSync(join(tmpdir(), 'rekey-readers-'));
afterAll(() => rmSync(dir, { recursive: true }));

/** As kube-apiserver writes it. */
const event = ({
  who = 'ada',
  verb = 'get',
  name = 'jwt',
  namespace = 'shop',
  code = 200,
  at = '10:00:00',
  ...more
}: Record<string, unknown>) => ({
  ...{ kind: 'Event', apiVersion: 'audit.k8s.io/v1', level: 'Metadata', stage: 'ResponseComplete', verb },
  ...{
    user: { username: who },
    sourceIPs: ['10.0.0.1'],
    objectRef: { resource: 'secrets', namespace, name, apiVersion: 'v1' },
  },
  ...{ responseStatus: { code }, requestReceivedTimestamp: `2026-11-30T${at}.123456Z` },
  ...more,
});

async function run(lines: readonly unknown[], options: ReadersOptions = { namespace: 'shop', secret: 'jwt' }) {
  const file = join(dir, 'audit.log');
  writeFileSync(file, lines.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join(''));
  const { said, terminal } = listener();
  const code = await readers(file, terminal, options);
  const rows = said.out
    .split('\n')
    .slice(1, -1)
    .map((row) => row.replaceAll(/ {2,}/g, '|'));
  return { code, rows, ...said };
}

describe('readers', () => {
  it('counts what somebody got, and what was refused, with the first and the last time', async () => {
    const { rows, code } = await run([
      event({ at: '10:00:02' }),
      event({ at: '10:00:01', sourceIPs: ['10.0.0.2'] }),
      event({ code: 403, at: '10:00:09' }),
      event({ who: 'bob', code: 404 }),
    ]);
    expect(rows).toEqual([
      'shop/jwt|bob|get|0|1|2026-11-30T10:00:00Z|2026-11-30T10:00:00Z|10.0.0.1',
      'shop/jwt|ada|get|2|1|2026-11-30T10:00:01Z|2026-11-30T10:00:09Z|10.0.0.1, 10.0.0.2',
    ]);
    expect(code).toBe(0);
  });

  it('knows that a list has each, that a write answers with the content, and that a watch is one request', async () => {
    const { rows, err } = await run([
      event({ verb: 'list', name: '' }),
      event({ verb: 'list', name: '', namespace: '', who: 'eve' }),
      event({ verb: 'patch', who: 'rekey' }),
      event({ verb: 'watch', stage: 'ResponseStarted', who: 'node', auditID: 'w1' }),
      event({ verb: 'watch', stage: 'ResponseComplete', who: 'node', auditID: 'w1' }),
      event({ verb: 'watch', stage: 'ResponseComplete', who: 'mallory', auditID: 'w2', code: 403 }),
    ]);
    expect(rows.map((row) => row.split('|').slice(0, 4).join(' '))).toEqual([
      'shop/* ada list 1',
      '*/* eve list 1',
      'shop/jwt rekey patch 1',
      'shop/jwt node watch 1',
      'shop/jwt mallory watch 0',
    ]);
    expect(err).toContain('may have asked for metadata only');
  });

  it.each([
    ['another Secret', { name: 'other' }],
    ['another namespace', { namespace: 'bank' }],
    ['another resource', { objectRef: { resource: 'configmaps', namespace: 'shop', name: 'jwt' } }],
    [
      'another group with such a name',
      { objectRef: { resource: 'secrets', apiGroup: 'x.dev', namespace: 'shop', name: 'jwt' } },
    ],
    ['a request that is not answered yet', { stage: 'RequestReceived' }],
  ])('leaves out %s', async (_, more) => {
    expect((await run([event(more)])).out).toBe('nobody asked for it in this log\n');
  });

  it('has all Secrets if none is named', async () => {
    const { rows } = await run([event({ name: 'a' }), event({ name: 'b', namespace: 'bank' })], {});
    expect(rows.map((row) => row.split('|')[0])).toEqual(['shop/a', 'bank/b']);
  });

  it('says as whom, and steers no terminal', async () => {
    const { out } = await run([event({ who: 'a\u001b[2Jb', impersonatedUser: { username: 'admin' } })]);
    expect(out).toContain('b as admin');
    expect(out).not.toContain('\u001b');
  });

  it('fails where the log holds the content of a Secret, and shows nothing of it', async () => {
    const { code, out, err } = await run([event({ responseObject: { data: { JWT_SECRET_KEY: 'c2VjcmV0' } } })]);
    expect([code, err]).toEqual([1, expect.stringContaining('1 events hold the content of Secrets')]);
    expect(out + err).not.toContain('c2VjcmV0');
  });

  it('says what it could not read, and of which time it knows nothing', async () => {
    const { err, code } = await run([event({}), 'no json', '{"verb":"get"}', event({ at: '11:00:00' })]);
    expect(err).toContain(
      '2 events from 2026-11-30T10:00:00Z to 2026-11-30T11:00:00Z; nothing is known of other times',
    );
    expect(err).toContain('2 lines are no audit events');
    expect(code).toBe(0);
  });

  it.each([[[]], [['audit: log']]])('refuses what is no audit log: %j', async (lines) => {
    await expect(run(lines)).rejects.toThrow('no audit event in it');
  });

  it('refuses a file that is not there', async () => {
    const nowhere = readers(join(dir, 'none'), {} as Terminal, {});
    await expect(nowhere).rejects.toThrow('there is no such file');
  });
});
