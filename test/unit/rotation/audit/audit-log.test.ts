import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { verifyAudit } from '../../../../src/cli/verify-audit.ts';
import {
  type AuditRecord,
  appendRecord,
  GENESIS,
  isRecorded,
  verifyLog,
} from '../../../../src/rotation/audit/audit-log.ts';
import { folderOf } from '../../../support/env/folder.ts';

function record(n: number, more: Partial<AuditRecord> = {}): AuditRecord {
  return {
    ...{ rotationId: `r${n}`, resource: 'shop/jwt', environment: 'production', trigger: 'Schedule', actor: 'rekey' },
    ...{ reason: 'due', from: { kid: `k-${n}` }, to: { kid: `k-${n + 1}`, fp: 'aa' }, keysetVersion: 3 * n },
    ...{ targets: [{ kind: 'Deployment', name: 'main', level: 'Canary', pods: 3 }], outcome: 'Completed' },
    ...{ startedAt: '2026-01-01T00:00:00.000Z', finishedAt: '2026-01-01T01:00:00.000Z', ...more },
  };
}

function logOf(count: number, more: Partial<AuditRecord> = {}): string {
  let log = '';
  for (let n = 1; n <= count; n += 1) log = appendRecord(log, record(n, more)).log;
  return log;
}

describe('an audit log', () => {
  it('is whole as it was written, and begins with nothing before it', () => {
    expect(verifyLog('')).toEqual({ records: 0, first: 0, last: 0, head: GENESIS });
    const { log, hash } = appendRecord(logOf(4), record(5));
    expect(verifyLog(log)).toEqual({ records: 5, first: 1, last: 5, head: hash });
    expect(isRecorded(log, 'r5')).toBe(true);
    expect(isRecorded(log, 'r6')).toBe(false);
  });

  it('tells every line that was changed, taken out, doubled or moved', () => {
    const lines = logOf(8).trimEnd().split('\n');
    const at = fc.nat(6);
    const edits = fc.oneof(
      at.map((i) => lines.with(i, (lines[i] ?? '').replace('"outcome":"Completed"', '"outcome":"Aborted"'))),
      at.map((i) => lines.with(i, (lines[i] ?? '').replace('production', 'staging'))),
      at.filter((i) => i > 0).map((i) => lines.toSpliced(i, 1)),
      at.map((i) => lines.toSpliced(i, 0, lines[i] ?? '')),
      at.map((i) => lines.with(i, lines[i + 1] ?? '').with(i + 1, lines[i] ?? '')),
      at.map((i) => lines.with(i, '{"seq":1}')),
      // the same when it is parsed
      at.map((i) => lines.with(i, (lines[i] ?? '').replace('{', '{"outcome":"Aborted",'))),
      at.map((i) => lines.with(i, `${lines[i]} `)),
    );
    fc.assert(
      fc.property(edits, (edited) => {
        expect(verifyLog(edited.join('\n')).broken).toMatch(/line \d/);
      }),
    );
  });

  it('goes on after a line that somebody broke, and keeps it as evidence', () => {
    const broken = logOf(2).replace('"seq":1', '"seq":7');
    const { log } = appendRecord(broken, record(3));
    expect(log.startsWith(broken)).toBe(true);
    expect(verifyLog(log).broken).toContain('rotation r1, seq 7');
    expect(isRecorded(appendRecord('garbage\n', record(1)).log, 'r1')).toBe(true);
  });

  it('forgets its oldest records and can still be verified', () => {
    expect(verifyLog(logOf(510))).toMatchObject({ records: 500 });
    const long = logOf(300, { reason: 'x'.repeat(4_000) });
    expect(long.length).toBeLessThanOrEqual(800_000);
    expect(verifyLog(long).broken).toBeUndefined();
    // Kubernetes counts bytes
    expect(Buffer.byteLength(logOf(300, { reason: '鍵'.repeat(4_000) }))).toBeLessThanOrEqual(800_000);
  });

  it('does not see what has left at either end, and says no more than it knows', () => {
    const lines = logOf(5).trimEnd().split('\n');
    expect(verifyLog(lines.slice(2).join('\n'))).toMatchObject({ records: 3, first: 3, last: 5 });
    expect(verifyLog(lines.slice(0, 3).join('\n'))).toMatchObject({ records: 3, first: 1, last: 3 });
  });
});

const WHOLE = /^records 1 to 3, each unchanged and after the one before it; the last has the hash [0-9a-f]{64}\n$/;

describe('verify-audit', () => {
  async function run(content: string | undefined): Promise<{ code: number; said: string }> {
    const file = join(folderOf(), 'cm.json');
    if (content !== undefined) writeFileSync(file, content);
    let said = '';
    const say = (text: string) => {
      said += text;
    };
    const code = await verifyAudit(file, { print: say, printErr: say });
    return { code, said };
  }
  const configMap = (log: string) => JSON.stringify({ kind: 'ConfigMap', data: { 'audit.jsonl': log } });

  it('tells what it found by its exit code and in one line', async () => {
    expect(await run(configMap(logOf(3)))).toMatchObject({
      code: 0,
      said: expect.stringMatching(WHOLE),
    });
    const edited = logOf(3).replace('r2', 'r9');
    expect(await run(configMap(edited))).toMatchObject({
      code: 1,
      said: expect.stringContaining('line 2 (rotation r9, seq 2)'),
    });
    expect(await run(configMap(''))).toMatchObject({ code: 0, said: expect.stringContaining('no records') });
    expect((await run('{"data":{}}')).code).toBe(2);
    expect((await run('no JSON')).code).toBe(2);
    expect((await run(undefined)).code).toBe(2);
  });
});
