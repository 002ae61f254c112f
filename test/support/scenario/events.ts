import type { KubeApi } from '../cluster/kubeapi.ts';
import { until } from './until.ts';

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

/** Where Events are looked for; those of every JwtKeyRotation of the namespace without a name. */
interface About {
  readonly api: KubeApi;
  readonly namespace: string;
  readonly name?: string;
}

/** Waits for an Event with this reason and these words. What was told instead stands in the error. */
export async function untilEvent({ api, namespace, name }: About, reason: string, words = ''): Promise<void> {
  let told: readonly Told[] = [];
  await until(
    `an Event tells ${reason}`,
    async () => {
      told = await eventsIn(api, namespace, name);
      return told.some((event) => event.reason === reason && event.note.includes(words));
    },
    {},
    () => told.map((event) => `${event.reason}: ${event.note}`).join('; '),
  );
}
