/** The alerts fire when they should, by Prometheus' own promtool; they and the dashboard name metrics that the operator has. */
import { execFile } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { dump, load } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { anchorsOf } from '../support/docs/anchors.ts';
import { debianLibraries } from '../support/libraries/debian.ts';

const run = promisify(execFile);
/** promtool syncs a database for each test; in memory that costs nothing. */
const TMPDIR = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
const root = resolve(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: { readonly runbook: string };
}
const { spec } = load(read('deploy/monitoring/rules.yaml')) as { spec: { groups: { rules: Rule[] }[] } };
const rules = spec.groups.flatMap((group) => group.rules);
const tests = load(read('test/unit/alerts.test.yaml')) as {
  tests: { alert_rule_test: { alertname: string; exp_alerts?: unknown[] }[] }[];
};
const dashboard = JSON.parse(read('deploy/monitoring/dashboard.json')) as {
  panels: { title: string; targets: { expr: string }[] }[];
};
const metrics = new Set(
  read('docs/reference/metrics.md')
    .match(/`[a-z_]+`/g)
    ?.map((name) => name.slice(1, -1)),
);
const prometheus = await debianLibraries(['prometheus']);
if (prometheus === undefined)
  console.warn('the rule tests are skipped: the Debian package prometheus cannot be downloaded');

/** Names of metrics in a query: what stands before labels, or alone, but for functions and words of the language. */
const named = (expr: string) =>
  (
    expr
      .replaceAll(
        /\{[^}]*\}|\((?:namespace|name|phase|code|outcome|result|transition|type|trigger|instance|, )+\)/g,
        ' ',
      )
      .match(/[a-z_]{3,}(?!\w*\()/g) ?? []
  ).filter((word) => word.includes('_'));

describe('the alerts', () => {
  it.skipIf(prometheus === undefined)(
    'fire when they should and not before, says promtool',
    async () => {
      const dir = mkdtempSync(join(tmpdir(), 'rekey-alerts-'));
      try {
        writeFileSync(join(dir, 'rules.yaml'), dump(spec));
        copyFileSync(join(root, 'test/unit/alerts.test.yaml'), join(dir, 'alerts.test.yaml'));
        const promtool = join(prometheus?.root ?? '', 'usr/bin/promtool');
        await run(promtool, ['check', 'rules', 'rules.yaml'], { cwd: dir });
        const { stdout } = await run(promtool, ['test', 'rules', 'alerts.test.yaml'], {
          cwd: dir,
          env: { ...process.env, TMPDIR },
        });
        expect(stdout).toContain('SUCCESS');
      } finally {
        rmSync(dir, { recursive: true });
      }
    },
    600_000,
  );

  it('are each tested, both that they fire and that they do not', () => {
    const cases = tests.tests.flatMap((each) => each.alert_rule_test);
    const fires = (alert: string) =>
      cases.some(({ alertname, exp_alerts }) => alertname === alert && exp_alerts?.length);
    const rests = (alert: string) =>
      cases.some(({ alertname, exp_alerts }) => alertname === alert && !exp_alerts?.length);
    expect(rules.length).toBeGreaterThan(10);
    expect(rules.filter(({ alert }) => !fires(alert) || !rests(alert)).map(({ alert }) => alert)).toEqual([]);
  });

  it('each name a page and a heading that are there', () => {
    const missing = rules.filter(({ annotations }) => {
      const [page = '', anchor] = annotations.runbook.split('#');
      return !existsSync(join(root, page)) || (anchor !== undefined && !anchorsOf(read(page)).has(anchor));
    });
    expect(missing.map(({ alert, annotations }) => `${alert}: ${annotations.runbook}`)).toEqual([]);
    // what deploy/runbooks and the chart put an address before
    expect(rules.filter(({ annotations }) => !annotations.runbook.startsWith('docs/'))).toEqual([]);
  });

  it('and the dashboard name only metrics that are documented', () => {
    const queries = [
      ...rules.map(({ expr }) => expr),
      ...dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
    ];
    const used = [...new Set(queries.flatMap(named))];
    expect(used).toContain('rekey_phase');
    expect(used.length).toBeGreaterThan(12);
    expect(used.filter((name) => !metrics.has(name) && !name.startsWith('process_'))).toEqual([]);
  });
});
