/**
 * What belongs to others on the objects that rekey writes: it must be the same before and after.
 */
import type { KubeObject } from '../support/cluster/kubeobject.ts';
import type { Secret } from '../support/node/types.ts';
import type { Lane } from './lane.ts';
import type { Plan } from './plan.ts';

const OUR_DATA = [
  'JWT_SECRET_KEY',
  'JWT_SECRET',
  'JWT_SECRET_KEY_FALLBACKS',
  'JWT_KEY_ID',
  'JWT_ALGORITHM',
  'rekey.dev.burnt',
];
/** Written by rekey, by the Deployment controller or by kubectl rollout. */
const OUR_ANNOTATIONS =
  /^(rekey\.dev\/|reloader\.stakater\.com\/|deployment\.kubernetes\.io\/|kubectl\.kubernetes\.io\/|test\.rekey\.dev\/)/;

/** Who made the Deployments. */
const OWNER = 'rekey-scenario';

type Strings = Readonly<Record<string, string>>;

interface Deployment extends KubeObject {
  readonly spec: {
    readonly template: { readonly metadata?: { readonly annotations?: Strings }; readonly spec: unknown };
  };
}

/** @returns a text by object; equal texts mean that nothing of others was changed */
export async function snapshotOf(
  { api, namespace, name }: Lane,
  { world }: Plan,
): Promise<ReadonlyMap<string, string>> {
  const [secret, resource, deployments] = await Promise.all([
    api.find<Secret>({ kind: 'Secret', namespace, name }),
    api.find({ kind: 'JwtKeyRotation', namespace, name }),
    api.list<Deployment>({ kind: 'Deployment', namespace }),
  ]);
  const seen = new Map<string, string>();
  if (secret !== undefined) {
    const { type, immutable, data = {}, metadata } = secret;
    const others = Object.entries(data).filter(([key]) => !OUR_DATA.includes(key));
    const { 'app.kubernetes.io/managed-by': _, ...labels } = metadata.labels ?? {};
    seen.set('Secret', stable({ type, immutable, others, labels, annotations: theirs(metadata.annotations) }));
  }
  if (resource !== undefined) {
    const { spec, metadata } = resource;
    seen.set('JwtKeyRotation', stable({ spec, labels: metadata.labels, annotations: theirs(metadata.annotations) }));
  }
  for (const { metadata, spec } of deployments.items) {
    const { template, ...rest } = spec;
    const annotations = theirs(template.metadata?.annotations);
    // People who edit the Deployment become owners of what they edit.
    const owners = (world.length > 0 ? [] : (metadata.managedFields ?? [])).filter(
      (entry) => managerOf(entry) === OWNER,
    );
    const own = { labels: metadata.labels, annotations: theirs(metadata.annotations) };
    const fields = owners.map((entry) => (entry as { readonly fieldsV1?: unknown }).fieldsV1);
    seen.set(`Deployment ${metadata.name}`, stable({ rest, pod: template.spec, annotations, own, fields }));
  }
  return seen;
}

function managerOf(entry: unknown): string {
  return (entry as { readonly manager?: string }).manager ?? '';
}

function theirs(annotations: Strings = {}): unknown {
  return Object.entries(annotations).filter(([name]) => !OUR_ANNOTATIONS.test(name));
}

/** JSON with the fields in order. */
function stable(value: unknown): string {
  return JSON.stringify(value, (_, field: unknown) => {
    if (typeof field !== 'object' || field === null || Array.isArray(field)) return field;
    return Object.fromEntries(Object.entries(field).sort(([a], [b]) => a.localeCompare(b)));
  });
}
