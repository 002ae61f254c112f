import { readFileSync } from 'node:fs';
import { AUDIT_KEY, LEDGER_KEY, ledgerConfigMapName } from '../../src/rotation/audit/ledger-config-map.ts';
import type { KubeObject } from '../support/cluster/kubeobject.ts';
import { type Calls, countCalls, sumOf } from '../support/scenario/audit.ts';
import { OPERATOR_USER } from '../support/scenario/install.ts';
import type { SecretVersion } from '../support/scenario/key-recorder.ts';
import { type Leak, scanForKeys } from '../support/scenario/secrets-scan.ts';
import { SECRET_NAME, SERVICE_NAMES } from '../support/scenario/services.ts';
import { until } from '../support/scenario/until.ts';
import { askEveryPod, inWords } from './asked.ts';
import { type DemoRun, demoRun, keepRun } from './page.ts';
import type { Rotated } from './rekey.ts';
import { count, seconds, table } from './screen.ts';
import { NAMESPACE, type Stage } from './stage.ts';

type ConfigMap = KubeObject & { readonly data?: Readonly<Record<string, string>> };

/** What each write of the Secret makes true. */
const MEANING: Readonly<Record<string, string>> = {
  Preflight: 'every pod verifies and no rollout is under way',
  Staging: 'every pod accepts the new key; the old one still signs',
  Promoting: 'the new key signs; the old one is still accepted',
  Draining: 'no pod signs with the old key any more; its tokens expire',
  Retiring: 'the old key leaves every pod',
  Aborting: 'the new key leaves again; it never signed',
};

/** Prints what happened. @returns whether all of it is as promised */
export async function reportRotation(stage: Stage, rotated: Rotated): Promise<boolean> {
  const { screen, cluster, pods } = stage;
  const { good, bad, bold } = screen.style;
  const { keys, after, before, began, finished, account } = rotated;
  const oldKey = await askEveryPod(pods, stage.firstKey);
  const newKey = await askEveryPod(pods, keys.signingKeys().at(-1) ?? '');
  const writes = countCalls(cluster.controlPlane.auditLogPath, {
    user: OPERATOR_USER,
    since: began,
    until: finished,
    writes: true,
  });
  const leaks = await searchForKeys(stage, rotated);
  const { outcome, failure } = after.keyset?.rotation ?? {};

  const verdict = {
    completed: outcome === 'Completed' && keys.signingKeys().length === 2,
    rejected: account.rejected === 0 && account.issued > 0,
    old: oldKey.refused.length === oldKey.pods,
    fresh: newKey.accepted.length === newKey.pods && newKey.pods > 0,
    silent: leaks.length === 0,
  };
  const mark = (fine: boolean, text: string): string => (fine ? good(text) : bad(text));

  screen.line();
  screen.line(bold('Phases'));
  print(stage, phaseRows(keys.versions(), began), ['left', 'right']);
  screen.line();
  screen.line(bold('Services'));
  print(stage, serviceRows(rotated), ['left', 'right', 'right', 'right', 'right', 'right']);
  screen.line();
  screen.line(bold('Result'));
  print(stage, [
    ['rotation', mark(verdict.completed, `${outcome ?? 'not over'} in ${seconds(finished - began)}`)],
    ...(failure === undefined ? [] : [['', `${failure.reason}: ${failure.message}`]]),
    ['key', `${before.resource.status?.currentKeyId} → ${after.resource.status?.currentKeyId}`],
    ['Secret writes', String(sumOf(writes, 'secrets'))],
    ['API writes', `${sumOf(writes)}: ${inResources(writes)}`],
    ['tokens issued', count(account.issued)],
    ['checks', count(account.checks)],
    ...unclear(rotated).map((text) => ['', text]),
    ['rejected', mark(verdict.rejected, rejectedText(rotated))],
    ['old key', mark(verdict.old, `accepted by ${inWords(oldKey.accepted, oldKey.pods)}${unanswered(oldKey.unknown)}`)],
    ['new key', mark(verdict.fresh, `accepted by ${inWords(newKey.accepted, newKey.pods)}`)],
    ['key bytes', mark(verdict.silent, leaksText(leaks, keys.keys().length))],
  ]);
  await writePage(
    stage,
    demoRun(account, { lastedMs: finished - began, oldKey: inWords(oldKey.accepted, oldKey.pods) }),
  );
  return Object.values(verdict).every(Boolean);
}

/** The operator records a rotation in the background. */
async function writePage({ screen, cluster: { api } }: Stage, rekey: DemoRun): Promise<void> {
  const name = ledgerConfigMapName(SECRET_NAME);
  const read = async () => (await api.find<ConfigMap>({ kind: 'ConfigMap', namespace: NAMESPACE, name }))?.data;
  await until('the rotation is recorded', async () => (await read())?.[AUDIT_KEY] !== undefined);
  const { [AUDIT_KEY]: log = '', [LEDGER_KEY]: ledger } = (await read()) ?? {};
  const source = { name: `ConfigMap ${NAMESPACE}/${name}`, log, ...(ledger !== undefined && { ledger }) };
  screen.line();
  screen.line(`  page           ${keepRun({ rekey, log: source })}`);
}

function print(
  { screen }: Stage,
  rows: readonly (readonly string[])[],
  aligns: readonly ('left' | 'right')[] = [],
): void {
  for (const line of table(rows, aligns)) screen.line(line);
}

/** How long each phase took: from the write that began it to the write that ended it. */
function phaseRows(versions: readonly SecretVersion[], began: number): string[][] {
  const rows: string[][] = [];
  let phase = 'Preflight';
  let since = began;
  for (const version of versions) {
    if (version.seenAt < began || version.phase === undefined || version.phase === phase) continue;
    rows.push([phase, seconds(version.seenAt - since), MEANING[phase] ?? '']);
    phase = version.phase;
    since = version.seenAt;
  }
  return rows;
}

function serviceRows({ account, after, restarts }: Rotated): string[][] {
  const heading = ['', 'pods', 'restarts', 'checks', 'accepted', 'rejected'];
  const rows = SERVICE_NAMES.map((name) => {
    const target = after.resource.status?.targets?.find((item) => item.name === name);
    const { checks = 0, accepted = 0, rejected = 0 } = account.byService[name] ?? {};
    return [
      name,
      String(target?.pods),
      String(restarts.get(name) ?? 0),
      count(checks),
      count(accepted),
      count(rejected),
    ];
  });
  return [heading, ...rows];
}

function inResources(writes: readonly Calls[]): string {
  const names = [...new Set(writes.map(({ resource }) => resource))];
  return names.map((name) => `${name.replace('jwtkeyrotations/', '')} ${sumOf(writes, name)}`).join(', ');
}

/** Checks without a verdict on a valid token, if there were any: a busy machine has some. */
function unclear({ account: { unavailable, unserved, late } }: Rotated): string[] {
  const rows: [number, string][] = [
    [unavailable, 'met a pod that did not answer in time and went to another'],
    [unserved, 'found no pod that answered'],
    [late, 'came after the token had expired'],
  ];
  return rows.filter(([n]) => n > 0).map(([n, text]) => `${count(n)} ${text}`);
}

function rejectedText({ account }: Rotated): string {
  if (account.issued === 0) return 'no token was issued: nothing was proved';
  if (account.rejected === 0) return '0';
  const reasons = [...new Set(account.rejections.map(({ error, service }) => `${service}: ${error}`))];
  return `${count(account.rejected)}, ${count(account.rejectedYoung)} of them younger than a second (${reasons.join(', ')})`;
}

function unanswered(pods: readonly string[]): string {
  return pods.length === 0 ? '' : `; no answer from ${pods.join(', ')}`;
}

/** Everything that the operator writes where people read. */
async function searchForKeys({ cluster: { api } }: Stage, { keys, operator }: Rotated): Promise<readonly Leak[]> {
  const text = async (name: string, object: Promise<unknown>) => ({ name, text: JSON.stringify(await object) });
  return scanForKeys(
    [
      { name: 'the log', text: readFileSync(operator.logFile, 'utf8') },
      { name: '/metrics', text: await operator.metrics() },
      await text('Events', api.list({ kind: 'Event', namespace: NAMESPACE })),
      await text('the resources', api.list({ kind: 'JwtKeyRotation', namespace: NAMESPACE })),
      await text('Deployments', api.list({ kind: 'Deployment', namespace: NAMESPACE })),
    ],
    keys.keys(),
  );
}

function leaksText(leaks: readonly Leak[], keys: number): string {
  const searched = `in log, metrics, Events, status and Deployments`;
  if (leaks.length === 0) return `none of ${keys} keys ${searched}`;
  return leaks.map(({ where, form, line }) => `${form} in ${where}, line ${line}`).join('; ');
}
