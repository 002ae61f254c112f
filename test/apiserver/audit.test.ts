/** The audit log on a real API server: one record a rotation, which verifies, whoever died meanwhile. */
import { describe, expect, inject, it } from 'vitest';
import { verifyLog } from '../../src/rotation/audit/audit-log.ts';
import { AUDIT_KEY } from '../../src/rotation/audit/ledger-config-map.ts';
import { declareEmergency } from '../support/scenario/emergency.ts';
import { ledgerConfigMapOf, readLedgerConfigMap } from '../support/scenario/ledger-config-map.ts';
import { requestRotation, waitUntilDone } from '../support/scenario/rotation.ts';
import { openScene, type Scene } from '../support/scenario/scene.ts';
import { until } from '../support/scenario/until.ts';

const cluster = inject('cluster');

const logOf = async (scene: Scene) => (await readLedgerConfigMap(scene, AUDIT_KEY)) ?? '';

const recordsIn = (log: string) => log.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]));

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
    // what the operator logged can be compared with it
    const line = await scene.operators()[0]?.waitForLine(({ message }) => message === 'recorded');
    expect(line?.head).toMatch(/^[0-9a-f]{16}$/);
    expect(verifyLog(await logOf(scene)).head.startsWith(String(line?.head))).toBe(true);
    // an operator that knows nothing of it does not record it again
    await scene.operators()[0]?.stop();
    const later = await scene.operator();
    const edited = (await logOf(scene)).replace('"outcome":"Completed"', '"outcome":"Aborted"');
    await api.patch(ledgerConfigMapOf(scene), { data: { [AUDIT_KEY]: edited } });
    await declareEmergency(scene, 'n1: leaked');
    await until('the emergency is recorded', async () => recordsIn(await logOf(scene)).length === 2);
    const log = await logOf(scene);
    expect(recordsIn(log)[1]).toMatchObject({ seq: 2, trigger: 'Emergency', emergency: { nonce: 'n1' } });
    expect(verifyLog(log).broken).toMatch(/line 1 .* was changed/);
    await later.waitForLine(({ reason }) => reason === 'AuditBroken');
    for (const key of scene.keys.keys()) expect(log).not.toContain(key);
    expect(await scene.close()).toEqual([]);
  });
});
