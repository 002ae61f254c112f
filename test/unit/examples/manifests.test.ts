import { readdir, readFile } from 'node:fs/promises';
import { load } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import type { JwtKeyRotationSpec } from '../../../src/rotation/api/types.ts';

interface Deployment {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: {
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly template: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> };
      readonly spec: { readonly containers: readonly Container[] };
    };
  };
}

interface Container {
  readonly ports: readonly { readonly containerPort: number }[];
  readonly envFrom: readonly { readonly secretRef: { readonly name: string } }[];
  readonly env: readonly { readonly name: string; readonly value?: string }[];
}

const DIRECTORY = new URL('../../../examples/manifests/', import.meta.url);
const read = async <T>(name: string): Promise<T> => load(await readFile(new URL(name, DIRECTORY), 'utf8')) as T;

interface Rotation {
  readonly metadata: { readonly namespace: string };
  readonly spec: JwtKeyRotationSpec;
}

const rotation = await read<Rotation>('rotation.yaml');

describe('The example manifests', () => {
  it('are all in the kustomization', async () => {
    const { resources } = await read<{ resources: string[] }>('kustomization.yaml');
    const files = (await readdir(DIRECTORY)).filter((name) => name !== 'kustomization.yaml');
    expect([...resources].sort()).toEqual(files.sort());
  });

  it.each(rotation.spec.targets)('of $name fit the rotation', async ({ name, roles, canary }) => {
    const deployment = await read<Deployment>(`${name}.yaml`);
    const { selector, template } = deployment.spec;
    const [container] = template.spec.containers;
    const env = Object.fromEntries(container?.env.map((entry) => [entry.name, entry.value]) ?? []);

    expect(deployment.metadata).toMatchObject({ name, namespace: rotation.metadata.namespace });
    expect(template.metadata.labels).toMatchObject(selector.matchLabels);
    expect(container?.envFrom).toEqual([{ secretRef: { name: rotation.spec.secretName } }]);
    expect(container?.ports[0]?.containerPort).toBe(canary?.port);
    expect(env).toMatchObject({
      SERVICE_NAME: name,
      PORT: String(canary?.port),
      ROLE: roles?.includes('Signer') ? 'both' : 'verifier',
      JWT_ISSUER: rotation.spec.canary?.issuer,
      JWT_AUDIENCE: rotation.spec.canary?.audience,
    });
    // A literal would shadow the Secret without a sign.
    expect(Object.keys(env).filter((key) => /KEY|SECRET/.test(key))).toEqual([]);
  });
});
