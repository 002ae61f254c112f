/** What the chart and the kustomizations make, so that it can be compared. */
import { dump } from 'js-yaml';
import type { KubeObject } from '../cluster/kubeobject.ts';

/**
 * Labels and the image are those of each way; `keep` is said to Helm alone. Helm makes no namespace.
 *
 * @returns the objects as text, by kind, namespace and name
 */
export function comparable(objects: readonly KubeObject[], namespace?: string): ReadonlyMap<string, string> {
  // kustomize breaks long lines in another way
  const spaced = (_: string, value: unknown) =>
    typeof value === 'string' ? value.replaceAll(/\s+/g, ' ').trim() : value;
  const all = JSON.parse(JSON.stringify(objects), spaced) as readonly KubeObject[];
  const known = all.filter(({ kind }) => kind !== 'Namespace');
  return new Map(
    known.map((object) => {
      const { labels: _, annotations, namespace: own, ...metadata } = object.metadata;
      const kept = Object.entries(annotations ?? {}).filter(([name]) => !name.startsWith('helm.sh/'));
      // kustomize does not know that these belong to no namespace
      const isClusterWide = object.kind?.startsWith('ValidatingAdmissionPolicy') === true;
      const at = isClusterWide ? undefined : (own ?? namespace);
      const text = dump(
        {
          ...object,
          metadata: {
            ...metadata,
            ...(at !== undefined && { namespace: at }),
            ...(kept.length > 0 && { annotations: kept }),
          },
        },
        { sortKeys: true, noRefs: true },
      ).replace(/image: .*/, 'image: rekey');
      return [`${object.kind}/${at ?? ''}/${metadata.name}`, text] as const;
    }),
  );
}

/** @returns the same, in the order of their names */
export const sorted = (objects: ReadonlyMap<string, string>) =>
  Object.fromEntries([...objects].sort(([a], [b]) => (a < b ? -1 : 1)));
