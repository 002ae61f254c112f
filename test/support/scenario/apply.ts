/**
 * Ways in which people apply a file with kubectl, and what is seen of the objects afterwards.
 */
import { expect } from 'vitest';
import type { KubeApi } from '../cluster/kubeapi.ts';
import type { KubectlResult } from '../cluster/kubectl.ts';
import type { KubeObject } from '../cluster/kubeobject.ts';

export const WAYS = {
  client: ['apply', '-f', '-'],
  server: ['apply', '-f', '-', '--server-side'],
  other: ['apply', '-f', '-', '--server-side', '--field-manager=argocd-controller'],
} as const;
export type Way = keyof typeof WAYS;

type Kubectl = (args: readonly string[], input?: string) => Promise<KubectlResult>;

interface Owned {
  readonly name: string;
  readonly generation?: number;
  readonly resourceVersion?: string;
  readonly managedFields: readonly { readonly subresource?: string; readonly manager: string }[];
}

export function textOf(objects: readonly KubeObject[]): string {
  return objects.map((object) => JSON.stringify(object)).join('\n---\n');
}

/** Client-side apply says so of a budget whatever is in it: it always replaces the selector (`patchStrategy: replace`). */
const ALWAYS_CONFIGURED = /^poddisruptionbudget/;

/** @returns lines of client-side apply that do not say "unchanged"; server-side apply says the same of all */
export function changedIn(said: string): readonly string[] {
  return said.split('\n').filter((line) => !/^$| unchanged$/.test(line) && !ALWAYS_CONFIGURED.test(line));
}

export function appliers(kubectl: Kubectl, api: KubeApi) {
  /** @returns what kubectl has said */
  async function apply(way: Way, objects: readonly KubeObject[]): Promise<string> {
    const { stdout, stderr, code } = await kubectl(WAYS[way], textOf(objects));
    expect(code, `${way}: ${stderr}`).toBe(0);
    return stdout;
  }

  /** What a person has applied, and who owns it since when; not what controllers write beside it. */
  async function seen(objects: readonly KubeObject[]) {
    // with kubectl it took most of the time
    const found = await Promise.all(
      objects.map(({ apiVersion, kind = '', metadata: { namespace, name } }) =>
        api.get({ apiVersion, kind, namespace, name }),
      ),
    );
    return found.map(({ metadata, status: _, ...content }) => {
      const { name, generation, resourceVersion, managedFields } = metadata as unknown as Owned;
      const owners = managedFields.filter(
        ({ subresource, manager }) => subresource === undefined && !manager.startsWith('kube-'),
      );
      // no controller writes one of these here; the generation of a Deployment counts its annotations too
      const ours = content.kind === 'JwtKeyRotation';
      return { name, owners, content, ...(ours && { resourceVersion }), ...(ours && { generation }) };
    });
  }

  /** Applies the same in this order, each way twice: nobody is refused, and nothing changes. */
  async function applyAgain(order: readonly [Way, ...Way[]], objects: readonly KubeObject[]): Promise<void> {
    const kept = ['Namespace', 'CustomResourceDefinition'];
    const gone = objects.filter(({ kind = '' }) => !kept.includes(kind));
    await kubectl(['delete', '--ignore-not-found', '-f', '-'], textOf(gone));
    const contents = (all: Awaited<ReturnType<typeof seen>>) =>
      all.map(({ content, generation }) => ({ content, generation }));
    await apply(order[0], objects);
    const first = contents(await seen(objects));
    for (const way of order) {
      await apply(way, objects);
      const before = await seen(objects);
      const said = await apply(way, objects);
      if (way === 'client') expect(changedIn(said)).toEqual([]);
      const after = await seen(objects);
      expect(after, `${way} twice`).toEqual(before);
      expect(contents(after), `after ${way}`).toEqual(first);
    }
  }

  return { apply, seen, applyAgain };
}
