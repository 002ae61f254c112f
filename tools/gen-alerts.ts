/**
 * Writes docs/alerts.md and the component deploy/runbooks from the alerts in deploy/monitoring/rules.yaml.
 *
 * Usage: node tools/gen-alerts.ts [--check]     --check writes nothing and exits 1 when a file differs
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from 'js-yaml';

const root = join(import.meta.dirname, '..');
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

## The page of an alert

The annotation \`next\` of an alert is the command to run first, and \`runbook\` names its page in this repository. No address of these pages is known to us, so
no alert has a link by itself. Say where you keep them, once, and each alert has the annotation \`runbook_url\`, which Alertmanager's templates, Grafana and others
show as a link. The address is that of the folder that holds \`docs\`, without a slash at its end, at a place that shows Markdown with its headings: a link
ends in, for example, \`/docs/runbook.md#writerefused\`.

With Helm:

\`\`\`sh
helm upgrade rekey deploy/chart -n rekey-system --reset-then-reuse-values \\
  --set monitoring.rules=true,monitoring.runbooks=https://git.example.com/platform/rekey/blob/main
\`\`\`

With Kustomize, the component [deploy/runbooks](../deploy/runbooks/kustomization.yaml) beside \`deploy/monitoring\`, and a ConfigMap that is not applied:

\`\`\`yaml
# kustomization.yaml
resources: [deploy/base, runbooks.yaml]
components: [deploy/monitoring, deploy/runbooks]
---
# runbooks.yaml
apiVersion: v1
kind: ConfigMap
metadata:
  name: rekey-runbooks
  annotations: { config.kubernetes.io/local-config: "true" }
data: { base: https://git.example.com/platform/rekey/blob/main }
\`\`\`

## All alerts

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

/** A component that gives each alert its link; the part before /docs/ comes from whoever uses it. */
function runbooks(): string {
  const links = rules.spec.groups.flatMap((group, i) =>
    group.rules.map(
      ({ annotations }, j) =>
        `      - { op: add, path: /spec/groups/${i}/rules/${j}/annotations/runbook_url, value: BASE/${annotations.runbook} }\n`,
    ),
  );
  return `# Written by tools/gen-alerts.ts from deploy/monitoring/rules.yaml: edit that.
# Optional, a component beside deploy/monitoring: each alert has a link to its page, runbook_url. Where your copy of the pages is, says
# data.base of a ConfigMap rekey-runbooks, which is not applied: docs/alerts.md#the-page-of-an-alert.
#
#   resources: [deploy/base, runbooks.yaml]
#   components: [deploy/monitoring, deploy/runbooks]
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
patches:
  - target: { kind: PrometheusRule, name: rekey }
    patch: |
${links.join('')}replacements:
  - source: { kind: ConfigMap, name: rekey-runbooks, fieldPath: data.base }
    targets:
      - select: { kind: PrometheusRule, name: rekey }
        fieldPaths: [spec.groups.*.rules.*.annotations.runbook_url]
        options: { delimiter: /docs/, index: 0 }
`;
}

const wanted = {
  'docs/alerts.md': `${HEAD}${rows.join('')}\n${alerts.map(section).join('\n')}`,
  'deploy/runbooks/kustomization.yaml': runbooks(),
};
for (const [name, text] of Object.entries(wanted)) {
  const path = join(root, name);
  if (!isCheck) writeFileSync(path, text);
  else if (readFileSync(path, 'utf8') !== text) {
    console.error(`${name} is out of date: run npm run generate`);
    process.exitCode = 1;
  }
}
