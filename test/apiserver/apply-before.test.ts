/** What becomes of a resource that was applied before the lists of the CRD were maps: it is applied as before, in every way. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { KubeApi } from '../support/cluster/kubeapi.ts';
import { runKubectl } from '../support/cluster/kubectl.ts';
import type { KubeObject } from '../support/cluster/kubeobject.ts';
import { appliers, textOf, type Way } from '../support/scenario/apply.ts';
import { createNamespace, installOperator } from '../support/scenario/install.ts';
import { receiver, rotationIn } from '../support/scenario/spec-parts.ts';
import { until } from '../support/scenario/until.ts';

const cluster = inject('cluster');
const admin = KubeApi.fromKubeconfig(cluster.kubeconfig);
const id = randomUUID().slice(0, 8);
const namespace = `apply-before-${id}`;
const repoRoot = join(import.meta.dirname, '..', '..');

const kubectl = (args: readonly string[], input = '') => runKubectl(cluster.kubectl, args, input);
const { apply, seen } = appliers(kubectl, admin);
const rotation = rotationIn(namespace);

beforeAll(async () => {
  await installOperator(admin);
  await createNamespace(admin, namespace);
});
afterAll(() => admin.close());

describe('a resource from before the lists were maps', () => {
  const group = `before-${id}.example.com`;

  /** The CRD under a group of its own. @param old with atomic lists, and the defaults in them */
  async function install(old: boolean): Promise<void> {
    const text = readFileSync(join(repoRoot, 'crds', 'jwtkeyrotations.rekey.dev.yaml'), 'utf8');
    const crd = load(text.replaceAll('rekey.dev\n', `${group}\n`)) as Crd;
    const names = { ...crd.spec.names, categories: [], shortNames: [] };
    const { targets, notifications, maintenanceWindows } =
      crd.spec.versions[0]?.schema.openAPIV3Schema.properties.spec.properties ?? {};
    if (old && targets && notifications && maintenanceWindows) {
      delete targets['x-kubernetes-list-type'];
      delete targets['x-kubernetes-list-map-keys'];
      const { roles, source } = targets.items?.properties ?? {};
      Object.assign(roles ?? {}, { default: ['Signer', 'Verifier'] });
      Object.assign(source ?? {}, { default: 'Env' });
      Object.assign(notifications.items?.properties.on ?? {}, { default: ['Failed', 'Emergency'] });
      Object.assign(notifications.items?.properties.format ?? {}, { default: 'Json' });
      Object.assign(maintenanceWindows.items?.properties.kind ?? {}, { default: 'Allow' });
    }
    await admin.apply(JSON.stringify({ ...crd, spec: { ...crd.spec, names } }));
  }

  const spec = {
    targets: [{ name: 'a' }, { name: 'b', roles: ['Verifier'] }],
    maintenanceWindows: [{ schedule: '0 3 * * *', duration: '2h' }],
    notifications: [receiver('a')],
  };

  const CASES: readonly (readonly [Way, Way, object])[] = [
    ['client', 'client', spec],
    ['server', 'server', spec],
    ['server', 'client', spec],
    ['other', 'other', spec],
    // what a manager was given as defaults in an atomic list is its own until it applies again
    ['client', 'server', { targets: spec.targets }],
    ['client', 'other', { targets: spec.targets }],
    ['server', 'other', { targets: spec.targets }],
  ];
  const ofGroup = (object: KubeObject) => [{ ...object, apiVersion: `${group}/v1alpha1` }];
  const nameOf = (before: Way, after: Way) => `jwt-${before}-${after}`;
  const objectsOf = ([before, after, wanted]: (typeof CASES)[number]) =>
    ofGroup(rotation(nameOf(before, after), wanted));

  // a change of a CRD is dear: one for all of them
  beforeAll(async () => {
    const probe = ofGroup(rotation('probe', { targets: [{ name: 'a' }] }));
    const fillsIn = async () => {
      const { stdout, code } = await kubectl(['create', '--dry-run=server', '-o', 'json', '-f', '-'], textOf(probe));
      return code === 0 ? stdout.includes('"source"') : undefined;
    };
    await install(true);
    await until('the old one is served', async () => (await fillsIn()) === true);
    for (const each of CASES) await apply(each[0], objectsOf(each));
    await install(false);
    await until('the new one is served', async () => (await fillsIn()) === false);
  });

  it.each(CASES)('that was applied by %s is applied by %s after the CRD', async (before, after, wanted) => {
    const objects = objectsOf([before, after, wanted]);
    await apply(after, objects);
    const first = await seen(objects);
    await apply(after, objects);
    expect(await seen(objects)).toEqual(first);
    const name = nameOf(before, after);
    const { stdout } = await kubectl(['get', `jwtkeyrotations.${group}`, name, '-n', namespace, '-o', 'json']);
    expect(JSON.parse(stdout).spec.targets).toMatchObject([
      { kind: 'Deployment', name: 'a' },
      { kind: 'Deployment', name: 'b', roles: ['Verifier'] },
    ]);
  });
});

interface Schema {
  'x-kubernetes-list-type'?: string;
  'x-kubernetes-list-map-keys'?: readonly string[];
  readonly items?: { readonly properties: Readonly<Record<string, Schema>> };
}
interface Crd extends KubeObject {
  readonly spec: {
    readonly names: object;
    readonly versions: readonly {
      readonly schema: {
        readonly openAPIV3Schema: {
          readonly properties: { readonly spec: { readonly properties: Readonly<Record<string, Schema>> } };
        };
      };
    }[];
  };
}
