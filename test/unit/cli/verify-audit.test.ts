/** What is told of a file that is no audit log, or of which somebody has made one. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { verifyAudit } from '../../../src/cli/verify-audit.ts';
import { type AuditRecord, appendRecord } from '../../../src/rotation/audit/audit-log.ts';

const run = promisify(execFile);
const PROGRAM = resolve(import.meta.dirname, '../../../src/kubectl-rekey.ts');
const dir = mkdtempSync(join(tmpdir(), 'rekey-verify-'));
afterAll(() => rmSync(dir, { recursive: true }));

const file = (name: string, content: string | Buffer) => {
  writeFileSync(join(dir, name), content);
  return join(dir, name);
};
const holding = (name: string, log: string) => file(name, JSON.stringify({ data: { 'audit.jsonl': log } }));
const record = { rotationId: 'r1', resource: 'shop/jwt', outcome: 'Completed' } as AuditRecord;
const { log } = appendRecord('', record);
const DEEP = 100_000;
const deep = `${'['.repeat(DEEP)}${']'.repeat(DEEP)}`;

async function verified(path: string): Promise<{ readonly code: number; readonly text: string }> {
  let text = '';
  const say = (more: string) => {
    text += more;
  };
  const code = await verifyAudit(path, { print: say, printErr: say });
  return { code, text };
}

describe('verify-audit', () => {
  it.each([
    ['there is no file', () => join(dir, 'none'), 'there is no such file'],
    ['it is a folder', () => dir, 'it is a folder'],
    ['it is empty', () => file('empty', ' \n'), 'it is empty'],
    ['it is neither JSON nor YAML', () => file('text', 'token: secret: [x'), 'it is neither JSON nor YAML'],
    [
      'its end is missing',
      () => file('cut', '{"data":{"audit.jsonl":"'),
      'it is neither JSON nor YAML, or its end is missing',
    ],
    ['it is YAML of something else', () => file('yaml', 'data: { a: b }'), 'it has no data key audit.jsonl'],
    [
      'it is not UTF-8',
      () => file('latin', Buffer.from('{"data":{"audit.jsonl":"\xe9"}}', 'latin1')),
      'it is not UTF-8',
    ],
    ['it has no log', () => file('other', '{"data":{}}'), 'it has no data key audit.jsonl'],
    ['it is null', () => file('null', 'null'), 'it has no data key audit.jsonl'],
    ['it is a hundred thousand deep', () => file('deep', deep), 'it has no data key audit.jsonl'],
    ['it never ends', () => '/dev/zero', 'it is longer than 8388608 bytes'],
  ])('has none to look at, and says why, when %s', async (_, path, said) => {
    const { code, text } = await verified(path());
    expect(text).toContain(`${path()}: ${said}`);
    expect(text).toMatch(/^[^\n]+usage: kubectl get configmap NAME -o yaml \| kubectl rekey verify-audit -\n$/);
    expect(code).toBe(2);
  });

  it.each([
    [
      'is a hundred thousand deep',
      `{"seq":1,"prev":"","hash":"","rotationId":"r","x":${deep}}\n`,
      /line 1 is not a record$/,
    ],
    [
      'is a hundred thousand deep after a good one',
      `${log}{"seq":2,"prev":"","hash":"","rotationId":"r","x":${deep}}\n`,
      /line 2 is not a record$/,
    ],
    [
      'has no end',
      `${log}${log.slice(0, 40)}`,
      /line 2 is not a record, and has no line end: the end of the log may be missing$/,
    ],
    ['is huge', `${'x'.repeat(4_000_000)}\n`, /line 1 is not a record$/],
    [
      'steers a terminal',
      `${JSON.stringify({ seq: 1, prev: '', hash: '', rotationId: '\u001b[2J\nrecords 1 to 9' })}\n`,
      /line 1 \(rotation \[2J records 1 to 9, seq 1\) was changed after it was written$/,
    ],
    [
      'has a name without end',
      `${JSON.stringify({ seq: 1, prev: '', hash: '', rotationId: 'x'.repeat(9_999) })}\n`,
      /^BROKEN: .{1,512}$/,
    ],
  ])('tells in one line what is broken when a line %s', async (_, broken, said) => {
    const { code, text } = await verified(holding('log', broken));
    expect(text).toMatch(/^BROKEN: [^\n]+\n$/);
    expect(text.trimEnd()).toMatch(said);
    expect(code).toBe(1);
  });

  it('waits for whoever writes into the pipe, and takes what comes in pieces', async () => {
    const path = holding('piped', log);
    const half = Math.floor(readFileSync(path).length / 2);
    const slow = `(sleep 1; head -c ${half} ${path}; sleep 0.3; tail -c +${half + 1} ${path})`;
    const { stdout } = await run('sh', ['-c', `${slow} | '${process.execPath}' '${PROGRAM}' verify-audit -`]);
    expect(stdout).toContain('records 1 to 1');
  });

  it('reads YAML as kubectl prints it, several lines and all', async () => {
    const two = appendRecord(log, { ...record, rotationId: 'r2' }).log;
    const lines = two.split('\n').map((line) => (line === '' ? '' : `    ${line}`));
    const yaml = `apiVersion: v1\ndata:\n  audit.jsonl: |\n${lines.join('\n')}kind: ConfigMap\nmetadata:\n  name: a\n`;
    expect(await verified(file('a.yaml', yaml))).toMatchObject({
      code: 0,
      text: expect.stringContaining('records 1 to 2'),
    });
    const changed = yaml.replace('"r1"', '"rX"');
    expect(await verified(file('b.yaml', changed))).toMatchObject({ code: 1, text: expect.stringContaining('line 1') });
  });

  it('takes a byte order mark for none', async () => {
    const marked = file('bom', `\ufeff${JSON.stringify({ data: { 'audit.jsonl': log } })}`);
    expect(await verified(marked)).toMatchObject({ code: 0, text: expect.stringContaining('records 1 to 1') });
  });
});
