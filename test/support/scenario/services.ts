import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from 'js-yaml';
import type { KubeApi } from '../cluster/kubeapi.ts';
import type { KubeObject } from '../cluster/kubeobject.ts';
import type { ContainerSpec, Pod, PodSpec } from '../node/types.ts';
import { type Patience, until } from './until.ts';

/** The services of examples/manifests. */
export const SERVICE_NAMES = ['main', 'autoscraper', 'admin'] as const;
export type ServiceName = (typeof SERVICE_NAMES)[number];

/** The Secret and the JwtKeyRotation of examples/manifests have the same name. */
export const SECRET_NAME = 'remotehive-jwt';

/** In what one service differs from its manifest. */
export interface ServiceOptions {
  readonly replicas?: number;
  /** Language of the service; main and autoscraper are Node by default, admin is Python. */
  readonly language?: 'node' | 'python' | 'go';
  /** Added to the environment, such as `{ KEY_MODE: 'single' }`. */
  readonly env?: Readonly<Record<string, string>>;
  /** Whether it reads the Secret as mounted files, not as environment. Node only. */
  readonly mounted?: boolean;
  /** Whether it is given one key besides the one that signs, and not the list. */
  readonly onePrevious?: boolean;
  /** On the pods, such as the faults of ../node/faults.ts. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** `spec.strategy` of the Deployment. */
  readonly strategy?: unknown;
  /** Fields that are added to those of the pod's spec. */
  readonly pod?: Readonly<Record<string, unknown>>;
}

/** Options of `deployServices`. */
export interface FleetOptions {
  /** Only these are deployed; all by default. */
  readonly only?: readonly ServiceName[];
  readonly services?: Readonly<Partial<Record<ServiceName, ServiceOptions>>>;
  /** The longest life of a token. Default 20. */
  readonly tokenTtlSeconds?: number;
  /** How long a service goes on after SIGTERM. Default 1. */
  readonly prestopSeconds?: number;
}

interface Deployment extends KubeObject {
  readonly spec: {
    readonly replicas: number;
    readonly template: { readonly metadata: KubeObject['metadata']; readonly spec: PodSpec };
  };
  readonly status?: Readonly<Record<string, number>>;
}

const manifests = join(import.meta.dirname, '..', '..', '..', 'examples', 'manifests');

/**
 * The Deployment that examples/manifests shows, in another namespace and with the short times of tests: what is shown is
 * what is tried.
 */
export function deploymentOf(name: ServiceName, namespace: string, options: FleetOptions = {}): KubeObject {
  const { replicas, language, env, mounted, onePrevious, annotations, strategy, pod } = options.services?.[name] ?? {};
  const shown = load(readFileSync(join(manifests, `${name}.yaml`), 'utf8')) as Deployment;
  const { template } = shown.spec;
  const containers = template.spec.containers.map((container): ContainerSpec => {
    const image = language === undefined ? container.image : `rekey.dev/example-${language}:latest`;
    const set = {
      ...container,
      image,
      env: [
        ...withEnv(container.env ?? [], { ...fastEnv(options), ...env }),
        ...(onePrevious === true ? [ONE_PREVIOUS] : []),
      ],
    };
    return mounted === true ? withFiles(set) : set;
  });
  const volumes = mounted === true ? [{ name: 'keys', secret: { secretName: SECRET_NAME } }] : [];
  return {
    ...shown,
    metadata: { ...shown.metadata, namespace },
    spec: {
      ...shown.spec,
      ...(replicas === undefined ? {} : { replicas }),
      ...(strategy === undefined ? {} : { strategy }),
      template: {
        metadata: { ...template.metadata, ...(annotations === undefined ? {} : { annotations }) },
        spec: { ...template.spec, ...pod, containers, ...(volumes.length > 0 && { volumes }) },
      },
    },
  };
}

/** Tolerates as little clock difference as one machine needs: a retired key is then refused soon. */
function fastEnv({ tokenTtlSeconds = 20, prestopSeconds = 1 }: FleetOptions): Record<string, string> {
  return {
    TOKEN_TTL_SECONDS: String(tokenTtlSeconds),
    PRESTOP_SECONDS: String(prestopSeconds),
    JWT_LEEWAY_SECONDS: '1',
  };
}

/** A process node has its mounts below a folder of its own. */
function withFiles({ envFrom: _, ...container }: ContainerSpec): ContainerSpec {
  return {
    ...container,
    command: ['/bin/sh', '-c', 'KEYSET_DIR="$REKEY_MOUNT_ROOT/keys" exec node server.ts'],
    volumeMounts: [{ name: 'keys', mountPath: '/keys' }],
  };
}

function withEnv(env: NonNullable<ContainerSpec['env']>, more: Readonly<Record<string, string>>) {
  const kept = env.filter(({ name }) => !(name in more));
  return [...kept, ...Object.entries(more).map(([name, value]) => ({ name, value }))];
}

/** The variable that the service takes its further keys from holds one. Optional: before rekey there is none. */
const ONE_PREVIOUS = {
  name: 'JWT_SECRET_KEY_FALLBACKS',
  valueFrom: { secretKeyRef: { name: SECRET_NAME, key: 'JWT_SECRET_PREVIOUS', optional: true } },
} as const;

/** Applies the Deployments; does not wait for their pods. */
export async function deployServices(api: KubeApi, namespace: string, options: FleetOptions = {}): Promise<void> {
  for (const name of options.only ?? SERVICE_NAMES) {
    await api.patch(
      { kind: 'Deployment', namespace, name },
      deploymentOf(name, namespace, options),
      'apply',
      'rekey-scenario',
    );
  }
}

/**
 * What rekey asks a person to do about a node that handed out an old Secret: once it is well again, its pods are deleted. One that
 * rekey had replaced in between may have been given the old Secret as well, and rekey rests then.
 */
export async function deletePodsOn(api: KubeApi, namespace: string, node: string, app: string): Promise<void> {
  const { items } = await api.list<Pod>({ kind: 'Pod', namespace, labelSelector: `app=${app}` });
  const there = items.filter(({ spec }) => spec.nodeName === node);
  await Promise.all(there.map(({ metadata }) => api.delete({ kind: 'Pod', namespace, name: metadata.name })));
}

/** Waits until every Deployment of the namespace is complete: all pods of the newest template, ready, none too many. */
export async function waitForServices(api: KubeApi, namespace: string, patience?: Patience): Promise<void> {
  let pending: string[] = [];
  await until(
    `all Deployments of ${namespace} are complete`,
    async () => {
      const { items } = await api.list<Deployment>({ kind: 'Deployment', namespace });
      pending = items.filter((item) => !isComplete(item)).map(({ metadata }) => metadata.name);
      return pending.length === 0;
    },
    patience,
    () => `still waiting for ${pending.join(', ')}`,
  );
}

function isComplete({ metadata, spec, status = {} }: Deployment): boolean {
  const { observedGeneration = 0, replicas = 0, updatedReplicas = 0, availableReplicas = 0 } = status;
  const counts = [replicas, updatedReplicas, availableReplicas];
  return observedGeneration >= (metadata.generation ?? 0) && counts.every((count) => count === spec.replicas);
}

/**
 * How often the pods of each Deployment were replaced so far: a change of the template is one.
 *
 * @returns revisions by name; subtract two of these
 */
export async function revisions(api: KubeApi, namespace: string): Promise<ReadonlyMap<string, number>> {
  const { items } = await api.list({ kind: 'Deployment', namespace });
  return new Map(
    items.map(({ metadata }) => [
      metadata.name,
      Number(metadata.annotations?.['deployment.kubernetes.io/revision'] ?? 0),
    ]),
  );
}

/** What a `JwtKeyRotation` of a test differs in. */
export interface RotationOptions {
  readonly namespace: string;
  readonly name?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Targets that have no canary, so that the rotation is inferred there. */
  readonly withoutCanary?: readonly ServiceName[];
  /** Whether the targets read mounted files. */
  readonly files?: boolean;
  /** Fields that replace those of the spec; undefined removes one. */
  readonly spec?: Readonly<Record<string, unknown>>;
}

/** The resource that examples/manifests shows, with times that fit tokens of 20 seconds. */
export function rotationFor({
  namespace,
  name,
  annotations,
  withoutCanary = [],
  files,
  spec,
}: RotationOptions): KubeObject {
  const shown = load(readFileSync(join(manifests, 'rotation.yaml'), 'utf8')) as KubeObject & {
    readonly spec: { readonly targets: readonly { readonly name: ServiceName }[] };
  };
  const targets = shown.spec.targets.map((target) => ({
    ...target,
    ...(withoutCanary.includes(target.name) && { canary: undefined }),
    ...(files === true && { source: 'File' }),
  }));
  return {
    ...shown,
    metadata: {
      ...shown.metadata,
      namespace,
      ...(name === undefined ? {} : { name }),
      ...(annotations === undefined ? {} : { annotations }),
    },
    spec: {
      ...shown.spec,
      targets,
      environment: 'test',
      maxTokenTTL: '20s',
      clockSkew: '1s',
      retire: { slack: '1s' },
      ...spec,
    },
  };
}

/** @returns a key as people make them: 64 hexadecimal characters */
export function newKey(): string {
  return randomBytes(32).toString('hex');
}

/**
 * Creates the Secret as it is before rekey knows it.
 *
 * @param data by default one key under JWT_SECRET_KEY
 * @returns the text of JWT_SECRET_KEY
 */
export async function createSecret(
  api: KubeApi,
  namespace: string,
  { name = SECRET_NAME, data = { JWT_SECRET_KEY: newKey() } as Readonly<Record<string, string>> } = {},
): Promise<string> {
  await api.create({ kind: 'Secret', metadata: { name, namespace }, stringData: data });
  return data.JWT_SECRET_KEY ?? '';
}
