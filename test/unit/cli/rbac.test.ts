/** What `rbac` prints for resources of many shapes. That it is enough, and not too much: test/apiserver/rbac.test.ts. */
import { loadAll } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { type RbacOptions, rbac } from '../../../src/cli/rbac.ts';
import type { JwtKeyRotation } from '../../../src/rotation/api/names.ts';
import type { Operations } from '../../../src/rotation/people/operations.ts';
import { listener } from '../../support/terminal/listener.ts';
import { SPEC } from '../rotation/spec.ts';

interface Printed {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly rules?: readonly { resources: string[]; resourceNames?: string[]; verbs: string[] }[];
  readonly subjects?: readonly object[];
  readonly spec?: object;
}

const canary = { path: '/me', port: 'http' };

async function run(spec: object = {}, options: RbacOptions = {}, status?: object) {
  const { said, terminal } = listener();
  const metadata = { name: 'my-jwt', namespace: 'shop' };
  const resource = { metadata, spec: { ...SPEC, ...spec }, status } as unknown as JwtKeyRotation;
  const operations = {
    get: async () => resource,
    workload: async (_: string, name: string) => ({ spec: { selector: { matchLabels: { app: name } } } }),
  } as unknown as Operations;
  const code = await rbac(operations, terminal, 'my-jwt', options);
  const printed = loadAll(said.out) as Printed[];
  const rules = printed[0]?.rules?.map(
    ({ resources, resourceNames, verbs }) => `${verbs} ${resources}${resourceNames ? ` of ${resourceNames}` : ''}`,
  );
  return { code, printed, rules, ...said };
}

const ALWAYS = [
  'get,list,watch,patch secrets of jwt',
  'get,patch configmaps of jwt-rekey',
  'create configmaps',
  'delete pods',
];
const RESTARTED = ['create pods/eviction', 'list poddisruptionbudgets'];
const SCALED = [...RESTARTED, 'list horizontalpodautoscalers'];
const target = (kind: string, name: string, more = {}) => ({ kind, name, ...more });

describe('the least Role', () => {
  it.each([
    ['a Deployment', {}, {}, ['patch deployments of api', ...SCALED]],
    [
      'several kinds',
      {
        targets: [
          target('DaemonSet', 'a'),
          target('StatefulSet', 'b'),
          target('Rollout', 'c'),
          target('DaemonSet', 'd'),
        ],
      },
      {},
      ['patch statefulsets of b', 'patch daemonsets of a,d', 'patch rollouts of c', ...SCALED],
    ],
    ['what no autoscaler scales', { targets: [target('DaemonSet', 'a')] }, {}, ['patch daemonsets of a', ...RESTARTED]],
    ['what is never restarted', { targets: [target('CronJob', 'a'), target('Job', 'b')] }, {}, []],
    [
      'mounted files',
      { targets: [target('Deployment', 'a', { source: 'File' })] },
      {},
      ['patch deployments of a', 'patch pods', ...SCALED],
    ],
    [
      'a Secret that rekey is to create',
      {},
      { createSecret: true },
      ['create secrets', 'patch deployments of api', ...SCALED],
    ],
    [
      'receivers, each Secret once',
      {
        notifications: ['hooks', 'hooks', 'jwt'].map((name) => ({ urlFrom: { secretKeyRef: { name, key: 'url' } } })),
      },
      {},
      ['get secrets of hooks', 'patch deployments of api', ...SCALED],
    ],
  ] as const)('is for %s', async (_, spec, options, more) => {
    const { rules, code } = await run(spec, options as RbacOptions);
    expect([rules?.toSorted(), code]).toEqual([[...ALWAYS, ...more].toSorted(), 0]);
  });

  it('is bound to the account of the operator that says that it is in charge', async () => {
    const { printed } = await run({}, {}, { operator: { lease: 'tools/rekey' } });
    expect(printed[1]).toMatchObject({
      ...{ kind: 'RoleBinding', metadata: { name: 'rekey-my-jwt', namespace: 'shop' } },
      subjects: [{ kind: 'ServiceAccount', name: 'rekey', namespace: 'tools' }],
      roleRef: { kind: 'Role', name: 'rekey-my-jwt' },
    });
  });

  it('says above each rule what it is for', async () => {
    const { out, rules } = await run();
    expect(out.match(/^ {2}# .+\n {2}- apiGroups:/gm)).toHaveLength(rules?.length ?? 0);
  });

  it('is a List for programs', async () => {
    const { out } = await run({}, { output: 'json' });
    expect(JSON.parse(out)).toMatchObject({ kind: 'List', items: [{ kind: 'Role' }, { kind: 'RoleBinding' }] });
  });

  it('is not printed for a spec that rekey refuses', async () => {
    await expect(run({ retire: { mode: 'Clock' } })).rejects.toThrow('Clock');
  });
});

describe('the NetworkPolicy', () => {
  it('lets the operator reach the canary ports of the targets, and nothing else', async () => {
    const targets = [
      target('Deployment', 'api', { canary }),
      target('StatefulSet', 'db', { canary: { ...canary, port: 81 } }),
    ];
    const { printed } = await run({ targets: [...targets, target('DaemonSet', 'mute')] }, { networkPolicy: true });
    const to = (app: string) => [
      {
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'shop' } },
        podSelector: { matchLabels: { app } },
      },
    ];
    expect(printed[2]).toMatchObject({
      metadata: { name: 'rekey-canaries-shop-my-jwt', namespace: 'rekey-system' },
      spec: {
        podSelector: { matchLabels: { 'app.kubernetes.io/name': 'rekey' } },
        policyTypes: ['Egress'],
        egress: [
          { to: to('api'), ports: [{ port: 'http', protocol: 'TCP' }] },
          { to: to('db'), ports: [{ port: 81, protocol: 'TCP' }] },
        ],
      },
    });
  });

  it('is absent where no target has a canary', async () => {
    const { printed, err } = await run({}, { networkPolicy: true });
    expect([printed.length, err]).toEqual([2, 'no target has a canary: rekey connects to no pod\n']);
  });
});
