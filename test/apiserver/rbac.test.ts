/** With the rights that `rbac` prints, and no other, the operator rotates and burns; each rule of them is needed. */
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { loadAll } from 'js-yaml';
import { describe, expect, inject, it } from 'vitest';
import { KubeApi } from '../support/cluster/kubeapi.ts';
import { rekey } from '../support/scenario/command.ts';
import { declareEmergency, waitUntilGone } from '../support/scenario/emergency.ts';
import { OPERATOR_USER } from '../support/scenario/install.ts';
import { conditionOf, requestRotation, waitUntilDone, waitUntilReady } from '../support/scenario/rotation.ts';
import { openScene, type Scene } from '../support/scenario/scene.ts';
import { deploymentOf } from '../support/scenario/services.ts';
import { until } from '../support/scenario/until.ts';

const cluster = inject('cluster');

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

interface Request {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly name: string;
}

/** What breaks without a rule, by its verb and resource. Each row must be met below, and no rule may lack one. */
const BREAKS: Readonly<Record<string, string>> = {
  'get secrets': 'the keys cannot be read: no pass gets as far as a decision',
  'list secrets': 'a change of the Secret by others is seen late',
  'watch secrets': 'a change of the Secret by others is seen late',
  'patch secrets': 'no write: WriteRefused, the rotation stays where it is',
  'get configmaps': 'no write, because the ledger of burnt keys is not known',
  'patch configmaps': 'the audit log lacks the rotation, and AuditWriteFailed is told',
  'create configmaps': 'there is no audit log, and AuditWriteFailed is told',
  'patch deployments': 'no restart: Forbidden',
  'patch pods': 'mounted files are seen when the kubelet next looks by itself',
  'create pods/eviction': 'a stale pod of an OnDelete StatefulSet stays: Forbidden',
  'delete pods': 'pods accept a burnt key: the emergency shows Forbidden',
  'list poddisruptionbudgets': 'DisruptionBlocked is told in the middle of a rotation, and not before',
  'list horizontalpodautoscalers': 'no warning that a target has too few pods',
};

/** Puts the Role that the command prints in place of what the scene gave. It is in force, and nothing else, when this returns. */
async function least(scene: Scene): Promise<readonly Rule[]> {
  const { api, namespace, name } = scene;
  const args = ['rbac', name, '-n', namespace, '--kubeconfig', cluster.kubeconfig];
  const { result, told, code } = await rekey(args, cluster.programs?.command);
  expect([code, told]).toEqual([0, '']);
  for (const each of ['rekey', 'rekey-files'])
    for (const kind of ['RoleBinding', 'Role'])
      if (await api.find({ kind, namespace, name: each })) await api.delete({ kind, namespace, name: each });
  await until('the former rights are gone', async () => !(await allowed(scene)).includes('create /secrets *'));
  // what every account may, and what deploy/base lets the operator watch
  const before = await allowed(scene);
  await api.apply(result, namespace);
  const { rules } = loadAll(result)[0] as { readonly rules: readonly Rule[] };
  const wanted = [...new Set([...before, ...linesOf(rules)])].sort();
  await until('the rights are those, and no more', async () => isDeepStrictEqual(await allowed(scene), wanted));
  return rules;
}

/** Rules of SelfSubjectRulesReview, with a line for each verb, resource and name. */
async function allowed(scene: Scene): Promise<readonly string[]> {
  const api = KubeApi.fromKubeconfig(scene.kubeconfig);
  try {
    const review = await api.raw<{ readonly status: { readonly resourceRules: readonly Rule[] } }>({
      ...{ method: 'POST', path: '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews' },
      body: {
        ...{ apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectRulesReview' },
        spec: { namespace: scene.namespace },
      },
    });
    return linesOf(review.status.resourceRules);
  } finally {
    await api.close();
  }
}

function linesOf(rules: readonly Rule[]): readonly string[] {
  const lines = rules.flatMap(({ apiGroups, resources, verbs, resourceNames = ['*'] }) =>
    apiGroups.flatMap((group) =>
      resources.flatMap((resource) =>
        verbs.flatMap((verb) => resourceNames.map((name) => `${verb} ${group}/${resource} ${name}`)),
      ),
    ),
  );
  return [...new Set(lines)].sort();
}

/** What the operator asked for in the namespace, from the audit log. `fits` is given the API server's reason and its answer. */
function requests({ namespace }: Scene, fits: (reason: string, code: number) => boolean): readonly Request[] {
  return readFileSync(cluster.auditLogPath, 'utf8')
    .split('\n')
    .filter((line) => line.includes(namespace) && line.includes(OPERATOR_USER))
    .map((line) => JSON.parse(line))
    .filter(({ annotations, responseStatus }) =>
      fits(annotations?.['authorization.k8s.io/reason'] ?? '', responseStatus?.code ?? 0),
    )
    .map(({ verb, objectRef: { apiGroup = '', resource, subresource, name: object = '' } }) => ({
      ...{ verb, group: apiGroup, name: object },
      resource: subresource === undefined ? resource : `${resource}/${subresource}`,
    }));
}

/** By the RoleBinding of this resource. */
const allowedTo = (scene: Scene) =>
  requests(scene, (reason) => reason.includes(`RoleBinding "rekey-${scene.name}/${scene.namespace}"`));

/** Only what deploy/residue would allow: an emergency looks for copies where it may. */
const RESIDUE = ['list configmaps', 'list replicasets', 'list secrets'];
const refusedTo = (scene: Scene) =>
  requests(scene, (_, code) => code === 403)
    .map(({ verb, resource, name }) => `${verb} ${resource}${name && ` ${name}`}`)
    .filter((line) => !RESIDUE.includes(line));

const grants = ({ apiGroups, resources, resourceNames, verbs }: Rule, { verb, group, resource, name }: Request) =>
  verbs.includes(verb) &&
  apiGroups.includes(group) &&
  resources.includes(resource) &&
  (resourceNames === undefined || resourceNames.includes(name));

/** Verbs of rules that no request needed, or needed only beside another rule: without them nothing would be refused. */
function unneeded(rules: readonly Rule[], requests: readonly Request[]): readonly string[] {
  return rules.flatMap((rule) =>
    rule.verbs
      .filter((verb) => {
        const others = rules.filter((each) => each !== rule);
        const needs = (request: Request) =>
          grants({ ...rule, verbs: [verb] }, request) && !others.some((each) => grants(each, request));
        return !requests.some(needs);
      })
      .map((verb) => `${verb} ${rule.resources}`),
  );
}

const ownLines = (rules: readonly Rule[]) =>
  rules.flatMap(({ verbs, resources }) => verbs.map((verb) => `${verb} ${resources}`));

/** A StatefulSet whose pods rekey evicts. */
async function createOnDelete(scene: Scene): Promise<void> {
  const { strategy: _, ...spec } = deploymentOf('autoscraper', scene.namespace, { prestopSeconds: 0.5 }).spec as Record<
    string,
    unknown
  >;
  await scene.api.create({
    ...{ apiVersion: 'apps/v1', kind: 'StatefulSet' },
    metadata: { namespace: scene.namespace, name: 'autoscraper' },
    spec: { ...spec, replicas: 1, serviceName: 'none', updateStrategy: { type: 'OnDelete' } },
  } as never);
}

describe.concurrent('the Role that rbac prints', () => {
  it('is enough for a rotation and an emergency, lacks nothing that is asked for, and has no rule that is not needed', async () => {
    const canary = (port: number) => ({ path: '/auth/verify', port });
    const targets = [
      { kind: 'Deployment', name: 'main', canary: canary(8000) },
      { kind: 'StatefulSet', name: 'autoscraper', roles: ['Verifier'], canary: canary(8001) },
    ];
    const scene = await openScene(cluster, { adopt: false, fleet: { only: ['main'] }, spec: { targets } });
    const { api, namespace, name } = scene;
    await createOnDelete(scene);
    const rules = await least(scene);
    await scene.operator();
    await waitUntilReady(api, namespace, name);
    const requestedAt = await requestRotation(api, namespace, name);
    const done = await waitUntilDone(api, namespace, name, { requestedAt });
    expect(done.keyset?.rotation?.outcome).toBe('Completed');
    await declareEmergency(scene, 'n1: drill');
    const { resource } = await waitUntilGone(scene, 'n1');
    expect(conditionOf(resource, 'Ready')?.status).toBe('True');
    // a StatefulSet with OnDelete is evicted from, and has no new template
    expect(refusedTo(scene)).toEqual([]);
    expect(unneeded(rules, allowedTo(scene))).toEqual(['patch statefulsets']);
    expect(ownLines(rules).filter((line) => line !== 'patch statefulsets' && BREAKS[line] === undefined)).toEqual([]);
    expect(await scene.close()).toEqual([]);
  });

  it('is enough where targets read mounted files', async () => {
    const targets = [
      { kind: 'Deployment', name: 'main', source: 'File', canary: { path: '/auth/verify', port: 8000 } },
    ];
    const services = { main: { language: 'node', mounted: true, replicas: 1 } } as const;
    const fleet = { only: ['main'], services } as const;
    const scene = await openScene(cluster, { adopt: false, files: true, fleet, spec: { targets } });
    const { api, namespace, name } = scene;
    const rules = await least(scene);
    await scene.operator();
    await waitUntilReady(api, namespace, name);
    const requestedAt = await requestRotation(api, namespace, name);
    const done = await waitUntilDone(api, namespace, name, { requestedAt });
    expect(done.keyset?.rotation?.outcome).toBe('Completed');
    expect(refusedTo(scene)).toEqual([]);
    expect(unneeded(rules, allowedTo(scene))).not.toContain('patch pods');
    expect(await scene.close()).toEqual([]);
  });
});
