import type { KubeApi } from '../cluster/kubeapi.ts';

/** An Event about a JwtKeyRotation, as far as tests look at it. */
export interface Told {
  readonly reason: string;
  readonly note: string;
  readonly regarding: { readonly kind?: string; readonly name?: string };
}

/** @returns what was told of the JwtKeyRotations of a namespace, of the one with this name if it is given */
export async function eventsIn(api: KubeApi, namespace: string, name?: string): Promise<readonly Told[]> {
  const path = `/apis/events.k8s.io/v1/namespaces/${namespace}/events`;
  const { items } = await api.raw<{ readonly items: readonly Told[] }>({ path });
  return items.filter(
    ({ regarding }) => regarding.kind === 'JwtKeyRotation' && (name === undefined || regarding.name === name),
  );
}
