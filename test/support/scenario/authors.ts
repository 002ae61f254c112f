/**
 * Users with exactly named rights, and what admission answers to a JwtKeyRotation of theirs.
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { expect } from 'vitest';
import { KubeApi } from '../cluster/kubeapi.ts';
import { runKubectl } from '../cluster/kubectl.ts';
import type { KubeApiError, KubeObject } from '../cluster/kubeobject.ts';
import { createUser, readCredentials } from '../cluster/pki.ts';
import type { ProvidedCluster } from '../cluster/provided.ts';
import { createNamespace, installOperator } from './install.ts';
import { until } from './until.ts';

const repoRoot = join(import.meta.dirname, '..', '..', '..');
const GROUPS: Readonly<Record<string, string>> = { rollouts: 'argoproj.io', cronjobs: 'batch', jobs: 'batch' };
const BASE = { secretName: 'jwt', environment: 'test', rotationPeriod: '90d', maxTokenTTL: '1h' };

const rule = (apiGroup: string, resource: string, verbs: readonly string[], resourceNames: readonly string[]) => ({
  ...{ apiGroups: [apiGroup], resources: [resource], verbs },
  ...(resourceNames.length > 0 && { resourceNames }),
});
export type Rule = ReturnType<typeof rule>;
export type Spec = Readonly<Record<string, unknown>>;

/** The right to write JwtKeyRotations, which every author has. */
export const ROTATIONS = rule('rekey.dev', 'jwtkeyrotations', ['get', 'create', 'update', 'patch', 'delete'], []);
export const secrets = (verb: string, ...names: string[]) => rule('', 'secrets', [verb], names);
export const workloads = (resource: string, ...names: string[]) =>
  rule(GROUPS[resource] ?? 'apps', resource, ['patch'], names);
export const target = (name: string, kind = 'Deployment') => ({ kind, name });
export const annotate = (key: string, value: string | null) => ({ metadata: { annotations: { [key]: value } } });

/** @returns why a policy refused, which must have been what refused */
export async function refusal(attempt: Promise<unknown>): Promise<string> {
  const error = await attempt.then(() => new Error('it was let through')).catch((failure: KubeApiError) => failure);
  expect(error).toMatchObject({ status: 403, message: expect.stringContaining('ValidatingAdmissionPolicy') });
  return error.message;
}

/** Waits until admission refuses this. A policy becomes active by itself, some time after it was applied. */
export async function untilRefused(what: string, attempt: () => Promise<unknown>): Promise<void> {
  const isRefused = () =>
    attempt()
      .then(() => false)
      .catch(({ status }: KubeApiError) => status === 403);
  await until(what, isRefused);
}

/** A namespace of its own, with the policies in force, and the users of one test file. */
export class Authors {
  readonly id = randomUUID().slice(0, 8);
  readonly namespace = `admission-${this.id}`;
  readonly admin: KubeApi;
  readonly #cluster: ProvidedCluster;
  readonly #clients: KubeApi[];

  constructor(cluster: ProvidedCluster) {
    this.#cluster = cluster;
    this.admin = KubeApi.fromKubeconfig(cluster.kubeconfig);
    this.#clients = [this.admin];
  }

  async install(): Promise<void> {
    await installOperator(this.admin);
    await createNamespace(this.admin, this.namespace);
    const folder = join(repoRoot, 'deploy', 'policies');
    const applied = await runKubectl(this.#cluster.kubectl, ['apply', '-k', folder]);
    expect(applied).toMatchObject({ code: 0 });
  }

  async close(): Promise<void> {
    await this.admin.delete({ kind: 'Namespace', name: this.namespace });
    await Promise.all(this.#clients.map((client) => client.close()));
  }

  /** Closes this client at the end, too. */
  keep(api: KubeApi): KubeApi {
    this.#clients.push(api);
    return api;
  }

  /** A user who may write JwtKeyRotations here, and do these things besides. */
  async userWith(name: string, ...rules: Rule[]): Promise<KubeApi> {
    const { admin, namespace } = this;
    const user = `${name}-${this.id}`;
    await admin.create({ kind: 'Role', metadata: { namespace, name: user }, rules: [ROTATIONS, ...rules] });
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: user };
    const subjects = [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }];
    await admin.create({ kind: 'RoleBinding', metadata: { namespace, name: user }, roleRef, subjects });
    const pki = join(this.#cluster.dir, 'pki');
    await createUser(this.#cluster.pki, pki, user, []);
    const api = this.keep(new KubeApi(readCredentials(pki, user, this.#cluster.url)));
    await until(`${user} has its rights`, () => this.may(api, rules.at(-1) ?? ROTATIONS));
    return api;
  }

  async may(api: KubeApi, { apiGroups, resources, verbs, resourceNames = [] }: Rule): Promise<boolean> {
    const [group, resource, verb, name] = [apiGroups[0], resources[0], verbs[0], resourceNames[0]];
    const resourceAttributes = { namespace: this.namespace, group, resource, verb, name };
    const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
    const [apiVersion, kind] = ['authorization.k8s.io/v1', 'SelfSubjectAccessReview'];
    const body = { apiVersion, kind, spec: { resourceAttributes } };
    return (await api.raw<{ status: { allowed: boolean } }>({ method: 'POST', path, body })).status.allowed;
  }

  resource(name: string, spec: Spec = {}): KubeObject {
    const { namespace } = this;
    return {
      kind: 'JwtKeyRotation',
      metadata: { namespace, name },
      spec: { ...BASE, targets: [target('main')], ...spec },
    };
  }

  named(name: string, subresource?: string) {
    return { kind: 'JwtKeyRotation', namespace: this.namespace, name, subresource };
  }

  /** As `create`, but only tried: admission is asked, nothing is kept. */
  tryCreate(api: KubeApi, spec: Spec): Promise<KubeObject> {
    const path = `/apis/rekey.dev/v1alpha1/namespaces/${this.namespace}/jwtkeyrotations`;
    const body = { apiVersion: 'rekey.dev/v1alpha1', ...this.resource('tried', spec) };
    return api.raw({ method: 'POST', path, query: { dryRun: 'All' }, body });
  }
}
