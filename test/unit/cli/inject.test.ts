/** What `inject` prints of workloads of many shapes, and what it refuses. */
import { loadAll } from 'js-yaml';
import { expect, it } from 'vitest';
import { type InjectOptions, inject } from '../../../src/cli/inject.ts';
import { CommandError } from '../../../src/cli/terminal.ts';
import type { JwtKeyRotation } from '../../../src/rotation/api/names.ts';
import type { Operations } from '../../../src/rotation/people/operations.ts';
import { CONFIG_MAP, SHOWN } from '../../../src/rotation/people/preload.ts';
import { listener } from '../../support/terminal/listener.ts';

interface Printed {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec?: { readonly template: { readonly spec: PodPatch } };
}
interface PodPatch {
  readonly containers: readonly { readonly name: string; readonly env: readonly Variable[] }[];
  readonly initContainers?: readonly { readonly name: string }[];
}
interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: object;
}

const secretKey = (key: string, more: object = {}) => ({ secretKeyRef: { name: 'jwt', key, ...more } });
const WHOLE = { envFrom: [{ secretRef: { name: 'jwt' } }] };

async function run(
  containers: readonly object[],
  {
    options = {},
    ...more
  }: { options?: InjectOptions; kind?: string; initContainers?: object[]; secretKeys?: object } = {},
) {
  const { said, terminal } = listener();
  const secretKeys = {
    signing: ['JWT_SECRET_KEY', 'JWT_SECRET'],
    fallbacks: 'JWT_SECRET_KEY_FALLBACKS',
    previous: '',
    keyset: '',
  };
  const spec = {
    ...{
      secretName: 'jwt',
      environment: 'test',
      rotationPeriod: '90d',
      maxTokenTTL: '1h',
      clockSkew: '60s',
      timeZone: 'UTC',
    },
    ...{
      startingDeadlineSeconds: 1,
      rolloutTimeout: '10m',
      retire: { mode: 'Eager' },
      key: { bytes: 32, algorithm: 'HS256' },
    },
    ...{ canary: { claims: {} }, emergency: { mode: 'FailClosed' }, secretKeys: { ...secretKeys, ...more.secretKeys } },
    targets: [{ kind: more.kind ?? 'Deployment', name: 'main' }],
  };
  const pod = { containers, initContainers: more.initContainers };
  const operations = {
    namespace: 'shop',
    get: async () => ({ metadata: { name: 'jwt', namespace: 'shop' }, spec }) as unknown as JwtKeyRotation,
    workload: async () => ({ metadata: { name: 'main', namespace: 'shop' }, spec: { template: { spec: pod } } }),
  } as unknown as Operations;
  const exit = await inject(operations, terminal, 'jwt', { language: 'node', dryRun: true, ...options });
  return { ...said, exit, documents: loadAll(said.out) as Printed[] };
}

const envOf = ({ documents }: { readonly documents: readonly Printed[] }) =>
  documents[1]?.spec?.template.spec.containers[0]?.env;

it('prints the ConfigMap and the patch, and says what it cannot see', async () => {
  const { documents, exit, err } = await run([{ name: 'app', ...WHOLE }]);
  expect(exit).toBe(0);
  expect(documents[0]).toEqual({ ...CONFIG_MAP, metadata: { ...CONFIG_MAP.metadata, namespace: 'shop' } });
  expect(documents[1]).toEqual({
    ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'main', namespace: 'shop' } },
    spec: {
      template: {
        spec: {
          containers: [
            {
              name: 'app',
              env: [
                { name: 'NODE_OPTIONS', value: '--require /opt/rekey/rekey.cjs' },
                { name: 'REKEY_PRELOAD', value: SHOWN },
              ],
              volumeMounts: [{ name: 'rekey-preload', mountPath: '/opt/rekey' }],
            },
          ],
          volumes: [{ name: 'rekey-preload', configMap: { name: CONFIG_MAP.metadata.name } }],
        },
      },
    },
  });
  expect(err).toMatch(/^Deployment\/main: if its image sets NODE_OPTIONS, that is replaced, .*\n$/);
});

it.each([
  ['node', 'NODE_OPTIONS', '--max-old-space-size=100', '--max-old-space-size=100 --require /opt/rekey/rekey.cjs'],
  ['python', 'PYTHONPATH', '/app/lib', '/opt/rekey:/app/lib'],
  ['ruby', 'RUBYOPT', '-W0', '-W0 -r/opt/rekey/rekey.rb'],
] as const)('repeats what the manifest has, and is printed twice alike: %s', async (language, name, value, wanted) => {
  for (const before of [value, wanted]) {
    const printed = await run([{ name: 'app', ...WHOLE, env: [{ name, value: before }] }], { options: { language } });
    expect(envOf(printed)?.[0]).toEqual({ name, value: wanted });
  }
});

it('gives the names that the preload reads where the container has others', async () => {
  const env = [{ name: 'SECRET_KEY', valueFrom: secretKey('JWT_SECRET') }];
  expect(envOf(await run([{ name: 'app', env }]))?.slice(2)).toEqual([
    { name: 'JWT_SECRET_KEY', valueFrom: secretKey('JWT_SECRET') },
    { name: 'JWT_SECRET_KEY_FALLBACKS', valueFrom: secretKey('JWT_SECRET_KEY_FALLBACKS', { optional: true }) },
  ]);
  const prefixed = await run([{ name: 'app', envFrom: [{ prefix: 'A_', secretRef: { name: 'jwt' } }] }]);
  expect(
    envOf(prefixed)
      ?.slice(2)
      .map(({ name }) => name),
  ).toEqual(['JWT_SECRET_KEY', 'JWT_SECRET_KEY_FALLBACKS']);
});

it('leaves containers alone that do not take the key: other data keys, other Secrets, init containers', async () => {
  const other = { name: 'smtp', env: [{ name: 'P', valueFrom: secretKey('SMTP_PASSWORD') }] };
  const elsewhere = { name: 'db', envFrom: [{ secretRef: { name: 'db' } }] };
  const initContainers = [
    { name: 'early', ...WHOLE },
    { name: 'sidecar', restartPolicy: 'Always', ...WHOLE },
  ];
  const { documents } = await run([other, elsewhere, { name: 'app', ...WHOLE }], { initContainers });
  const pod = documents[1]?.spec?.template.spec;
  expect(pod?.containers.map(({ name }) => name)).toEqual(['app']);
  expect(pod?.initContainers?.map(({ name }) => name)).toEqual(['sidecar']);
});

it.each<[string, Parameters<typeof run>, RegExp]>([
  ['the key from a file', [[{ name: 'app' }]], /no container takes JWT_SECRET_KEY or JWT_SECRET of the Secret jwt/],
  [
    'the options from elsewhere',
    [
      [
        {
          name: 'app',
          ...WHOLE,
          env: [{ name: 'NODE_OPTIONS', valueFrom: { configMapKeyRef: { name: 'c', key: 'k' } } }],
        },
      ],
    ],
    /container app takes NODE_OPTIONS from elsewhere.*add "--require/,
  ],
  [
    'a Rollout',
    [[{ name: 'app', ...WHOLE }], { kind: 'Rollout' }],
    /Rollout\/main: inject prints no patch of this kind/,
  ],
])('says why it prints nothing: %s', async (_, args, said) => {
  const { documents, err, exit } = await run(...args);
  expect({ kinds: documents.map(({ kind }) => kind), exit }).toEqual({ kinds: ['ConfigMap'], exit: 1 });
  expect(err).toMatch(said);
});

it.each<[string, InjectOptions, object, RegExp]>([
  [
    'without --dry-run',
    {},
    {},
    /^inject applies nothing by itself\. .*--target ConfigMap --dry-run \| kubectl apply -f -; kubectl patch -n shop Deployment main --patch "/,
  ],
  [
    'of another target',
    { dryRun: true, target: 'Deployment/x' },
    {},
    /--target Deployment\/x: not a target.*Deployment\/main/,
  ],
  ['without a list', { dryRun: true }, { fallbacks: '' }, /spec.secretKeys.fallbacks is empty/],
])('refuses %s, and prints nothing', async (_, { dryRun, ...options }, secretKeys, message) => {
  const asked = run([{ name: 'app', ...WHOLE }], {
    options: { ...options, ...(dryRun ? {} : { dryRun: undefined as never }) },
    secretKeys,
  });
  await expect(asked).rejects.toThrow(CommandError);
  await expect(asked).rejects.toThrow(message);
});
