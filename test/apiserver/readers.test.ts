/** deploy/audit/policy.yaml on an API server of its own: it tells who read the key, and no key byte gets into the log. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { findOrBuildControlPlane } from '../support/cluster/binary.ts';
import { type ControlPlane, startControlPlane } from '../support/cluster/controlplane.ts';
import { KubeApi } from '../support/cluster/kubeapi.ts';
import { rekey } from '../support/scenario/command.ts';
import {
  createNamespace,
  installOperator,
  letIn,
  letLead,
  OPERATOR_USER,
  operatorKubeconfig,
} from '../support/scenario/install.ts';
import { recordKeys } from '../support/scenario/key-recorder.ts';
import { startOperator } from '../support/scenario/operator.ts';
import { requestRotation, waitUntilDone, waitUntilReady } from '../support/scenario/rotation.ts';
import { scanForKeys } from '../support/scenario/secrets-scan.ts';
import { createSecret } from '../support/scenario/services.ts';
import { emptyDeployment, rotationName, rotationOf, secretName, targetName } from '../support/scenario/single.ts';

const programs = inject('cluster').programs;
const POLICY = join(import.meta.dirname, '..', '..', 'deploy', 'audit', 'policy.yaml');
const dir = mkdtempSync(join(tmpdir(), 'rekey-readers-'));
const namespace = 'shop';
let plane: ControlPlane;
let api: KubeApi;
beforeAll(async () => {
  const binaries = await findOrBuildControlPlane((line) => process.stderr.write(`${line}\n`));
  plane = await startControlPlane({ binaries, dir, auditLog: true, auditPolicy: readFileSync(POLICY, 'utf8') });
  api = KubeApi.fromKubeconfig(plane.kubeconfig);
});
afterAll(async () => {
  await api?.close();
  await plane?.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** Somebody without a right, and somebody who may read everything. */
async function readBy(name: string, groups: readonly string[], kind: 'get' | 'list'): Promise<void> {
  const { credentials } = await plane.user(name, groups);
  const client = new KubeApi(credentials);
  const secrets = { kind: 'Secret', namespace };
  const act = kind === 'get' ? client.get({ ...secrets, name: secretName('a') }) : client.list(secrets);
  await act.catch(() => undefined);
  await client.close();
}

describe('the audit policy', () => {
  it('logs who read the Secret in a whole rotation, and never a byte of a key', async () => {
    await installOperator(api);
    await createNamespace(api, namespace);
    await Promise.all([letIn(api, namespace, secretName('a')), letLead(api, namespace)]);
    await createSecret(api, namespace, { name: secretName('a') });
    const keys = await recordKeys(api, namespace, secretName('a'));
    await api.create(emptyDeployment(namespace, targetName('a'), 'a'));
    const times = { maxTokenTTL: '5s', clockSkew: '1s', retire: { slack: '1s' } };
    await api.create(rotationOf(namespace, rotationName('a'), 'a', times));
    const kubeconfig = await operatorKubeconfig(api, join(dir, 'operator.kubeconfig'));
    const logFile = join(dir, 'operator.log');
    const operator = await startOperator({
      program: programs?.operator,
      kubeconfig,
      leaseNamespace: namespace,
      logFile,
    });
    await waitUntilReady(api, namespace, rotationName('a'));
    const requestedAt = await requestRotation(api, namespace, rotationName('a'));
    await waitUntilDone(api, namespace, rotationName('a'), { requestedAt });
    await readBy('eve', [], 'get');
    await readBy('ada', ['system:masters'], 'get');
    await readBy('bob', ['system:masters'], 'list');
    await operator.stop();
    await keys.close();

    // in the Secret they are found, so they would be in the log
    const secret = await api.get({ kind: 'Secret', namespace, name: secretName('a') });
    expect(keys.keys().length).toBeGreaterThan(1);
    expect(scanForKeys([{ name: 'Secret', text: JSON.stringify(secret) }], keys.keys())).not.toEqual([]);
    expect(scanForKeys([plane.auditLogPath], keys.keys())).toEqual([]);

    const args = ['readers', plane.auditLogPath, '-n', namespace, '--secret', secretName('a'), '-o', 'json'];
    const { code, result, told } = await rekey(args, programs?.command);
    expect([code, told]).toEqual([0, expect.stringContaining('nothing is known of other times')]);
    const { readers } = JSON.parse(result) as {
      readers: { secret: string; who: string; verb: string; times: number; refused: number }[];
    };
    const of = (who: string) =>
      readers
        .filter((reader) => reader.who === who)
        .map(({ secret, verb, times, refused }) => ({ secret, verb, times, refused }));
    const mine = `${namespace}/${secretName('a')}`;
    expect(of('eve')).toEqual([{ secret: mine, verb: 'get', times: 0, refused: 1 }]);
    expect(of('ada')).toEqual([{ secret: mine, verb: 'get', times: 1, refused: 0 }]);
    expect(of('bob')).toEqual([{ secret: `${namespace}/*`, verb: 'list', times: 1, refused: 0 }]);
    const verbs = of(OPERATOR_USER).map(({ verb }) => verb);
    expect(verbs).toEqual(expect.arrayContaining(['get', 'list', 'watch', 'patch']));
    // each write of the Secret is there: adopted, staged, promoted, retired
    expect(of(OPERATOR_USER).find(({ verb }) => verb === 'patch')?.times).toBeGreaterThanOrEqual(4);
  });
});
