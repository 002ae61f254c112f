/** One Secret, one Deployment and one JwtKeyRotation, told apart by an id from those of other tests in the same namespace. */
import { randomUUID } from 'node:crypto';
import type { KubeObject } from '../cluster/kubeobject.ts';
import { deploymentOf as shownDeployment } from './services.ts';

/** A key as people make them, the same for a whole test file: what is looked for where no key may be. */
export const KEY = randomUUID().replaceAll('-', '').repeat(2);

type Fields = Readonly<Record<string, unknown>>;

export const secretName = (id: string) => `secret-${id}`;
export const targetName = (id: string) => `app-${id}`;
export const rotationName = (id: string) => `rotation-${id}`;

export function envFromSecret(id: string) {
  return [{ secretRef: { name: secretName(id) } }];
}

/** A pod of one container with these fields. */
export function podTemplate(container: Fields) {
  const app = { name: 'app', image: 'rekey.dev/test-http', ...container };
  return { metadata: { labels: { app: 'none' } }, spec: { containers: [app] } };
}

/** Without pods: for what is wrong before any pod is asked. */
export function emptyDeployment(namespace: string, name: string, id: string, edit: Fields = {}): KubeObject {
  const { template = podTemplate({ envFrom: envFromSecret(id) }), ...rest } = edit;
  const spec = { replicas: 0, selector: { matchLabels: { app: 'none' } }, template, ...rest };
  return { kind: 'Deployment', metadata: { namespace, name }, spec } as KubeObject;
}

export interface Running {
  /** Default: the service in Go, as it is shown. */
  readonly image?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Of the pods, such as the faults of ../node/faults.ts. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** Fields of the Deployment's spec. */
  readonly spec?: Fields;
  readonly initContainers?: readonly Fields[];
}

interface Shown extends KubeObject {
  readonly spec: {
    readonly template: { readonly metadata: object; readonly spec: { readonly containers: readonly [object] } };
  };
}

/** The service main of examples/manifests in one pod, with the Secret of this id. */
export function runningDeployment(
  namespace: string,
  id: string,
  { image, env = {}, annotations = {}, spec, initContainers }: Running = {},
): KubeObject {
  const services = { main: { replicas: 1, language: 'go', env, annotations } } as const;
  const shown = shownDeployment('main', namespace, { tokenTtlSeconds: 5, prestopSeconds: 0.5, services }) as Shown;
  const { template } = shown.spec;
  const [container] = template.spec.containers;
  const labels = { app: targetName(id) };
  return {
    ...shown,
    metadata: { namespace, name: targetName(id) },
    spec: {
      ...shown.spec,
      ...spec,
      selector: { matchLabels: labels },
      template: {
        metadata: { ...template.metadata, labels },
        spec: {
          ...template.spec,
          ...(initContainers !== undefined && { initContainers }),
          containers: [{ ...container, ...(image !== undefined && { image }), envFrom: envFromSecret(id) }],
        },
      },
    },
  } as KubeObject;
}

/** @param edit fields that replace those of the spec */
export function rotationOf(namespace: string, name: string, id: string, edit: Fields = {}): KubeObject {
  const base = { secretName: secretName(id), environment: 'test', rotationPeriod: '90d', maxTokenTTL: '1h' };
  return {
    kind: 'JwtKeyRotation',
    metadata: { namespace, name },
    spec: { ...base, targets: [{ name: targetName(id) }], ...edit },
  } as KubeObject;
}
