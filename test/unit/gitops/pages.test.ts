/** The pages and manifests of GitOps say what rekey does. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import type { ObjectMeta, Secret } from '../../../src/kube/types.ts';
import { foreignWriterOf } from '../../../src/rotation/secret/writers.ts';
import { WORKLOADS } from '../../../src/rotation/workloads/workloads.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const read = (...path: readonly string[]) => readFileSync(join(root, ...path), 'utf8');

/** What rekey says of a Secret with this metadata. */
function said(metadata: Partial<ObjectMeta>): string {
  const secret = { metadata: { namespace: 'shop', name: 'my-jwt', ...metadata } } as Secret;
  return foreignWriterOf(secret, ['JWT_SECRET_KEY'])?.who ?? 'nothing';
}

const owner = (apiVersion: string, kind: string) => ({
  ownerReferences: [{ apiVersion, kind, name: 'my-jwt', uid: 'u', controller: true }],
});

describe('docs/gitops/encrypted.md', () => {
  it.each<[string, Partial<ObjectMeta>, string]>([
    ['Sealed Secrets', owner('bitnami.com/v1alpha1', 'SealedSecret'), ''],
    ['Flux', { labels: { 'kustomize.toolkit.fluxcd.io/name': 'shop' } }, ''],
    ['Argo CD', { annotations: { 'argocd.argoproj.io/tracking-id': 'shop:/Secret:shop/my-jwt' } }, ''],
    ['Helm', { annotations: { 'meta.helm.sh/release-name': 'shop' } }, ''],
    ['the SOPS Secrets Operator', owner('isindir.github.com/v1alpha3', 'SopsSecret'), 'SopsSecret'],
  ])('quotes what rekey says of %s', (_, metadata, until) => {
    const text = said(metadata);
    const quoted = until === '' ? text : text.slice(0, text.indexOf(until));
    expect(quoted.length).toBeGreaterThan(10);
    expect(read('docs', 'gitops', 'encrypted.md')).toContain(quoted);
  });

  it('is right that a pipeline leaves no mark', () => {
    const managedFields = [
      { manager: 'kubectl-client-side-apply', fieldsV1: { 'f:data': { 'f:JWT_SECRET_KEY': {} } } },
    ];
    expect(said({ managedFields } as unknown as Partial<ObjectMeta>)).toBe('nothing');
  });
});

describe('docs/gitops/flux.md', () => {
  it('shows the expressions of the manifest', () => {
    const [, shown = ''] = /```yaml\n([\s\S]*?)```/.exec(read('docs', 'gitops', 'flux.md')) ?? [];
    const exprs = (text: string) => (load(text) as { spec: { healthCheckExprs: unknown } }).spec.healthCheckExprs;
    expect(exprs(shown)).toEqual(exprs(read('deploy', 'gitops', 'flux', 'kustomization.yaml')));
  });
});

describe('deploy/gitops/argocd/application.yaml', () => {
  it('ignores what rekey writes on each kind of workload that it restarts, and on no other', () => {
    const { spec } = load(read('deploy', 'gitops', 'argocd', 'application.yaml')) as {
      spec: { ignoreDifferences: readonly { kind: string; group: string; managedFieldsManagers: readonly string[] }[] };
    };
    const restarted = Object.entries(WORKLOADS).flatMap(([kind, { type, stamped }]) => {
      try {
        stamped({ version: 1, restartAt: 0 });
        return [{ kind, group: type.apiVersion.replace(/\/.*/, ''), managedFieldsManagers: ['rekey'] }];
      } catch {
        return [];
      }
    });
    expect(restarted.map(({ kind }) => kind)).toContain('Rollout');
    expect(spec.ignoreDifferences).toEqual(restarted);
  });
});
