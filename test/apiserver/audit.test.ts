/** The audit log on a real API server: one record a rotation, which verifies, whoever died meanwhile. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, inject, it } from 'vitest';
import type { Report } from '../../src/cli/report/model.ts';
import { verifyLog } from '../../src/rotation/audit/audit-log.ts';
import { AUDIT_KEY, LEDGER_KEY } from '../../src/rotation/audit/ledger-config-map.ts';
import { rekey } from '../support/scenario/command.ts';
import { declareEmergency } from '../support/scenario/emergency.ts';
import { ledgerConfigMapOf, readLedgerConfigMap } from '../support/scenario/ledger-config-map.ts';
import { requestRotation, waitUntilDone } from '../support/scenario/rotation.ts';
import { openScene, type Scene } from '../support/scenario/scene.ts';
import { until } from '../support/scenario/until.ts';

const cluster = inject('cluster');

const logOf = async (scene: Scene) => (await readLedgerConfigMap(scene, AUDIT_KEY)) ?? '';

const recordsIn = (log: string) => log.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]));

const recordLine = (log: string) => log.split('\n')[0] ?? '';

/** Each pod that the rotation waited for is in the report, with the time of its proof. */
async function reportsTheRotation({ namespace, name, keys }: Scene): Promise<void> {
  const at = ['--kubeconfig', cluster.kubeconfig, '-n', namespace];
  const made = await rekey(['report', name, ...at, '-o', 'json'], cluster.programs?.command);
  expect(made).toMatchObject({ code: 0, told: '' });
  const { chain, phases, keys: named, inferred, notRecorded } = JSON.parse(made.result) as Report;
  expect(chain).toMatchObject({ records: 1, first: 1, last: 1 });
  expect(phases.map(({ phase }) => phase)).toEqual(['Staging', 'Promoting', 'Draining', 'Retiring']);
  const provedIn = (phase: string) =>
    phases
      .find((each) => each.phase === phase)
      ?.targets.map((target) => [target.name, Object.keys(target.proved ?? {}).length, target.bumpedAt !== undefined]);
  const all = [
    ['Deployment/main', 2, true],
    ['Deployment/autoscraper', 1, true],
    ['Deployment/admin', 1, true],
  ];
  expect(provedIn('Staging')).toEqual(all);
  expect(provedIn('Promoting')?.[0]).toEqual(all[0]);
  expect(provedIn('Retiring')).toEqual(all);
  expect(named.map(({ part, createdAt }) => [part, createdAt !== undefined])).toEqual([
    ['old', true],
    ['new', true],
  ]);
  expect([inferred, notRecorded]).toEqual([[], []]);
  const page = await rekey(['report', name, ...at, '-o', 'html'], cluster.programs?.command);
  for (const key of keys.keys()) expect(made.result + page.result).not.toContain(key);
  const none = await rekey(['report', 'nobody', ...at], cluster.programs?.command);
  expect(none).toMatchObject({ code: 1, result: '' });
}

/** With REKEY_RECORD=1: the tests of the report read what a real rotation and a real emergency have left. */
async function keepAsFixture(scene: Scene, log: string): Promise<void> {
  if (process.env.REKEY_RECORD !== '1') return;
  const data = { [AUDIT_KEY]: log, [LEDGER_KEY]: await readLedgerConfigMap(scene, LEDGER_KEY) };
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'jwt-rekey' }, data };
  const text = JSON.stringify(object, undefined, 2);
  writeFileSync(join(import.meta.dirname, '../support/report/audit.json'), `${text}\n`);
}

describe('the audit log', () => {
  it('holds each rotation once, chained, and an edit of it is told', async () => {
    const scene = await openScene(cluster);
    const { api, namespace, name } = scene;
    await requestRotation(api, namespace, name, '1');
    const { keyset } = await waitUntilDone(api, namespace, name, { requestedAt: '1' });
    await until('the rotation is recorded', async () => verifyLog(await logOf(scene)).records === 1);
    expect(recordsIn(await logOf(scene))).toMatchObject([
      {
        seq: 1,
        rotationId: keyset?.rotation?.id,
        resource: `${namespace}/${name}`,
        environment: 'test',
        trigger: 'Annotation',
        outcome: 'Completed',
        to: { kid: keyset?.rotation?.to, fp: expect.stringMatching(/^[0-9a-f]{16}$/) },
        targets: [{ name: 'main', level: 'Canary', pods: 2 }, { name: 'autoscraper' }, { name: 'admin' }],
      },
    ]);
    await reportsTheRotation(scene);
    // what the operator logged can be compared with it
    const line = await scene.operators()[0]?.waitForLine(({ message }) => message === 'recorded');
    expect(line?.head).toMatch(/^[0-9a-f]{16}$/);
    expect(verifyLog(await logOf(scene)).head.startsWith(String(line?.head))).toBe(true);
    // an operator that knows nothing of it does not record it again
    await scene.operators()[0]?.stop();
    const later = await scene.operator();
    const whole = await logOf(scene);
    const edited = whole.replace('"outcome":"Completed"', '"outcome":"Aborted"');
    await api.patch(ledgerConfigMapOf(scene), { data: { [AUDIT_KEY]: edited } });
    await declareEmergency(scene, 'n1: leaked');
    await until('the emergency is recorded', async () => recordsIn(await logOf(scene)).length === 2);
    const log = await logOf(scene);
    expect(recordsIn(log)[1]).toMatchObject({ seq: 2, trigger: 'Emergency', emergency: { nonce: 'n1' } });
    expect(verifyLog(log).broken).toMatch(/line 1 .* was changed/);
    await later.waitForLine(({ reason }) => reason === 'AuditBroken');
    await keepAsFixture(scene, log.replace(recordLine(edited), recordLine(whole)));
    for (const key of scene.keys.keys()) expect(log).not.toContain(key);
    expect(await scene.close()).toEqual([]);
  });
});
