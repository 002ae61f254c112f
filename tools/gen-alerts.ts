/**
 * Writes docs/alerts.md from the alerts in deploy/monitoring/rules.yaml.
 *
 * Usage: node tools/gen-alerts.ts [--check]     --check writes nothing and exits 1 when the page differs
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from 'js-yaml';

const root = join(import.meta.dirname, '..');
const page = join(root, 'docs', 'alerts.md');
const isCheck = process.argv.includes('--check');

interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: { readonly severity: string };
  readonly annotations: {
    readonly summary: string;
    readonly description: string;
    readonly next: string;
    readonly runbook: string;
  };
}

const HEAD = `# Alerts

<!-- Written by tools/gen-alerts.ts from deploy/monitoring/rules.yaml: edit that. -->
<!-- all blocks need: your cluster -->

[deploy/monitoring](../deploy/monitoring/kustomization.yaml) is a Kustomize component with a PrometheusRule and a PodMonitor for the Prometheus operator; with
Helm, set \`monitoring.rules=true\` and \`monitoring.podMonitor=true\`. Without the Prometheus operator, take \`spec.groups\` of
[rules.yaml](../deploy/monitoring/rules.yaml) as a rule file, and scrape port 8080 of each replica with \`honor_labels: true\`.
[dashboard.json](../deploy/monitoring/dashboard.json) is a dashboard for Grafana.

Each alert has a rule test ([alerts.test.yaml](../test/unit/alerts.test.yaml)) that Prometheus' own promtool runs: it fires when it should, and not
before. \`make alerts\` goes further: while a fault is made, a real Prometheus scrapes an operator, each alert fires, reaches a real Alertmanager, and clears
when the fault is gone. It makes the times of the rules shorter, and needs Debian's packages of both. This is Prometheus' page of such a run, with two panels of the dashboard:

![Pods that have not acknowledged, and writes of the Secret, while three keys are rotated](prometheus.png)

| Alert | Severity | Fires when |
| ----- | -------- | ---------- |
`;

/** Labels of a rule as a reader would name them. */
const plain = (text: string): string =>
  text
    .replaceAll('{{ $labels.namespace }}/{{ $labels.name }}', '*shop/my-jwt*')
    .replaceAll('{{ $labels.namespace }}', 'shop')
    .replaceAll('{{ $labels.name }}', 'my-jwt')
    .replaceAll(/\{\{ \$labels\.(\w+) \}\}/g, '*$1*')
    .replaceAll('{{ $value }}', '*some*');

function section({ alert, expr, for: lasting, labels, annotations }: Alert): string {
  const { description, next, runbook } = annotations;
  const target = runbook.replace(/^docs\//, '');
  return [
    `## ${alert}`,
    '',
    `- **It means**: ${plain(description)}`,
    `- **Severity**: ${labels.severity}${lasting === undefined ? '' : `, after ${lasting}`}`,
    `- **Run**: \`${plain(next)}\``,
    `- **Next**: [${target}](${target})`,
    '',
    '```promql',
    expr,
    '```',
    '',
  ].join('\n');
}

const rules = load(readFileSync(join(root, 'deploy', 'monitoring', 'rules.yaml'), 'utf8')) as {
  readonly spec: { readonly groups: readonly { readonly rules: readonly Alert[] }[] };
};
const alerts = rules.spec.groups.flatMap((group) => group.rules);
const rows = alerts.map(
  ({ alert, labels, annotations }) =>
    `| [${alert}](#${alert.toLowerCase()}) | ${labels.severity} | ${plain(annotations.summary)} |\n`,
);
const text = `${HEAD}${rows.join('')}\n${alerts.map(section).join('\n')}`;

if (!isCheck) writeFileSync(page, text);
else if (readFileSync(page, 'utf8') !== text) {
  console.error('docs/alerts.md is out of date: run npm run generate');
  process.exitCode = 1;
}
