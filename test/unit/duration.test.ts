/** The numbers of docs/duration.md are those of the code. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { formatDuration, parseDuration } from '../../src/rotation/schedule/duration.ts';
import { drainOf } from '../../src/rotation/settings/settings.ts';
import { defaultsOf } from '../support/docs/defaults.ts';

const root = resolve(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/duration.md'), 'utf8');
const RESTART_MS = 300_000;

const table = page.slice(page.indexOf('<!-- computed: test/unit/duration.test.ts -->'));
const rows = [...table.matchAll(/^\| `(\d\w+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$/gm)].map((row) =>
  row.slice(1).map((cell) => cell.trim()),
);

describe('docs/duration.md', () => {
  it('has rows for tokens of minutes, days and a month', () => {
    expect(rows.map(([ttl]) => ttl)).toEqual(expect.arrayContaining(['15m', '24h', '30d']));
  });

  it.each(rows)('is right for tokens that live %s', (maxTokenTTL = '', slack, drain, whole) => {
    const { clockSkew } = defaultsOf();
    const { drainMs, maxTokenTtlMs, clockSkewMs } = drainOf({ maxTokenTTL, clockSkew, retire: { mode: 'Eager' } });
    const told = [drainMs - maxTokenTtlMs - clockSkewMs, drainMs, drainMs + 3 * RESTART_MS];
    expect([slack, drain, whole]).toEqual(told.map((ms) => formatDuration(ms, 4)));
  });

  it('names the defaults of the resource', () => {
    const { clockSkew, rolloutTimeout } = defaultsOf();
    expect(page).toContain(`\`clockSkew\` is \`${clockSkew}\``);
    expect(page).toContain(`\`rolloutTimeout\` (\`${rolloutTimeout}\`)`);
    expect(parseDuration(rolloutTimeout)).toBeGreaterThan(0);
  });

  it('counts the writes that a test on a real API server counts', () => {
    const test = readFileSync(join(root, 'test/apiserver/rotation.test.ts'), 'utf8');
    const [secrets] = /sumOf\(calls, 'secrets'\)\)\.toBe\((\d+)\)/.exec(test)?.slice(1) ?? [];
    const [workloads] = /sumOf\(calls, 'deployments'\)\)\.toBe\((\d+)\)/.exec(test)?.slice(1) ?? [];
    expect(page).toContain(`${secrets} writes of the Secret and ${workloads} writes of workloads`);
  });
});
