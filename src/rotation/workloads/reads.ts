/**
 * Which data keys of which Secrets a container reads, by name: variables, envFrom, volumes, projected volumes, subPath.
 * A worker that takes only SMTP_PASSWORD from a Secret does not use the key beside it.
 */
import type { Container, PodSpec, Volume } from '../../kube/types.ts';
import type { KeyPlaces } from '../settings/settings.ts';

/** A data key of a Secret. Without `key`: all data keys, or an unknown one. */
export interface SecretRead {
  readonly secret: string;
  readonly key?: string;
}

/** @returns whether one of the reads may include a key */
export function readsAnyKey(reads: readonly SecretRead[], { secretName, dataKeys }: KeyPlaces): boolean {
  return reads.some(({ secret, key }) => secret === secretName && (key === undefined || dataKeys.includes(key)));
}

/** @returns whether one of the reads may include a key of the same name in another Secret */
export function readsElsewhere(reads: readonly SecretRead[], { secretName, dataKeys }: KeyPlaces): boolean {
  return reads.some(({ secret, key }) => secret !== secretName && (key === undefined || dataKeys.includes(key)));
}

/** @returns what the containers of a pod read, init containers included */
export function readsOf(spec: PodSpec | undefined): readonly SecretRead[] {
  const containers = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])];
  return distinct(containers.flatMap((container) => readsIn(container, spec)));
}

/** @returns what one container of the pod reads */
export function readsIn(container: Container, spec: PodSpec | undefined): readonly SecretRead[] {
  const { env = [], envFrom = [], volumeMounts = [] } = container;
  const volumes = new Map((spec?.volumes ?? []).map((volume) => [volume.name, volume]));
  return distinct([
    ...env.flatMap(({ valueFrom }) => {
      const { name: secret, key } = valueFrom?.secretKeyRef ?? {};
      return secret === undefined || key === undefined ? [] : [{ secret, key }];
    }),
    ...envFrom.flatMap(({ secretRef }) => (secretRef === undefined ? [] : [{ secret: secretRef.name }])),
    ...volumeMounts.flatMap((mount) => mountedReads(volumes.get(mount.name), mount)),
  ]);
}

/** @returns the data keys that a mount of a volume shows */
export function mountedReads(
  volume: Volume | undefined,
  { subPath, subPathExpr }: Pick<NonNullable<Container['volumeMounts']>[number], 'subPath' | 'subPathExpr'>,
): readonly SecretRead[] {
  const { secret, projected } = volume ?? {};
  // the value of an expression is known only when the pod starts, so it may be any file
  const at = subPathExpr === undefined && subPath !== '' ? subPath : undefined;
  const parts = [
    ...(secret?.secretName === undefined ? [] : [{ name: secret.secretName, items: secret.items }]),
    ...(projected?.sources ?? []).flatMap((source) => source.secret ?? []),
  ];
  return parts.flatMap(({ name, items }): readonly SecretRead[] => {
    if (items === undefined) return [at === undefined ? { secret: name } : { secret: name, key: at }];
    const within = (path: string) => at === undefined || path === at || path.startsWith(`${at}/`);
    return items.filter(({ path }) => within(path)).map(({ key }) => ({ secret: name, key }));
  });
}

function distinct(reads: readonly SecretRead[]): readonly SecretRead[] {
  return [...new Map(reads.map((read) => [`${read.secret}/${read.key ?? ''}`, read])).values()];
}
