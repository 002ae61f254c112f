import { describe, expect, it } from 'vitest';
import type { ObjectMeta, Secret } from '../../../../src/kube/types.ts';
import { TOOLS } from '../../../../src/rotation/secret/tools.ts';
import { foreignWriterOf } from '../../../../src/rotation/secret/writers.ts';

const KEYS = ['JWT_SECRET_KEY', 'JWT_SECRET'];

function marked(edit: Partial<ObjectMeta>): Secret {
  return { metadata: { name: 'jwt', namespace: 'shop', ...edit } };
}

const label = (name: string, value = 'true') => marked({ labels: { [name]: value } });
const annotation = (name: string, value = 'true') => marked({ annotations: { [name]: value } });
const owned = (apiVersion: string, kind: string, controller?: boolean) =>
  marked({
    ownerReferences: [{ apiVersion, kind, name: 'x', uid: 'u', ...(controller !== undefined && { controller }) }],
  });
const writtenBy = (manager: string, key = 'JWT_SECRET_KEY') =>
  marked({ managedFields: [{ manager, fieldsV1: { 'f:data': { [`f:${key}`]: {} } } }] });

/** As each tool leaves it. */
const LEFT: readonly (readonly [string, string, Secret])[] = [
  ['External Secrets', 'owner', owned('external-secrets.io/v1', 'ExternalSecret', true)],
  ['External Secrets', 'label', label('reconcile.external-secrets.io/managed')],
  ['External Secrets', 'annotation', annotation('reconcile.external-secrets.io/data-hash', '3f9a1c')],
  ['External Secrets', 'manager', writtenBy('externalsecrets.external-secrets.io/jwt')],
  ['External Secrets', 'older manager', writtenBy('external-secrets')],
  ['Vault Secrets Operator', 'owner', owned('secrets.hashicorp.com/v1beta1', 'VaultStaticSecret')],
  ['Vault Secrets Operator', 'label', label('secrets.hashicorp.com/vso-ownerRefUID', 'cc743c5c')],
  ['Vault Secrets Operator', 'manager', writtenBy('vault-secrets-operator')],
  ['Sealed Secrets', 'owner', owned('bitnami.com/v1alpha1', 'SealedSecret', true)],
  ['Sealed Secrets', 'annotation', annotation('sealedsecrets.bitnami.com/managed')],
  ['Sealed Secrets', 'patch', annotation('sealedsecrets.bitnami.com/patch')],
  ['the Secrets Store CSI driver', 'label', label('secrets-store.csi.k8s.io/managed')],
  ['the Secrets Store CSI driver', 'manager', writtenBy('secrets-store-csi-driver')],
  ['1Password Operator', 'annotation', annotation('operator.1password.io/item-path', 'vaults/v/items/i')],
  ['1Password Operator', 'owner', owned('onepassword.com/v1', 'OnePasswordItem')],
  ['Infisical Operator', 'annotation', annotation('secrets.infisical.com/version', '7')],
  ['Infisical Operator', 'owner', owned('secrets.infisical.com/v1alpha1', 'InfisicalSecret')],
  ['Doppler Operator', 'label', label('secrets.doppler.com/subtype', 'dopplerSecret')],
  ['Doppler Operator', 'annotation', annotation('secrets.doppler.com/version', 'W/"1"')],
  ['Bitwarden Secrets Manager Operator', 'label', label('k8s.bitwarden.com/bw-secret', 'uid')],
  ['SOPS Secrets Operator', 'owner', owned('isindir.github.com/v1alpha3', 'SopsSecret', true)],
  ['Reflector', 'annotation', annotation('reflector.v1.k8s.emberstack.com/reflects', 'a/b')],
  ['kubernetes-replicator', 'pulled', annotation('replicator.v1.mittwald.de/replicate-from', 'a/b')],
  ['kubernetes-replicator', 'pushed', annotation('replicator.v1.mittwald.de/replicated-from-version', '680')],
  ['Kyverno', 'label', label('generate.kyverno.io/policy-name', 'p')],
  ['Argo CD', 'annotation', annotation('argocd.argoproj.io/tracking-id', 'app:/Secret:shop/jwt')],
  ['Argo CD', 'label', label('argocd.argoproj.io/instance', 'app')],
  ['Argo CD', 'manager', writtenBy('argocd-controller')],
  ['Flux', 'label', label('kustomize.toolkit.fluxcd.io/name', 'apps')],
  ['Flux', 'label of a release', label('helm.toolkit.fluxcd.io/name', 'apps')],
  ['Flux', 'manager', writtenBy('kustomize-controller')],
  ['Fleet or another controller of Rancher', 'annotation', annotation('objectset.rio.cattle.io/id', 'x')],
  ['Helm', 'annotation', annotation('meta.helm.sh/release-name', 'shop')],
  ['Helm', 'label', label('app.kubernetes.io/managed-by', 'Helm')],
  ['Helm', 'manager', writtenBy('helm')],
  ['kapp', 'label', label('kapp.k14s.io/app', '1557433075084066000')],
  ['Config Sync', 'annotation', annotation('configmanagement.gke.io/managed', 'enabled')],
  ['the addon manager', 'label', label('addonmanager.kubernetes.io/mode', 'Reconcile')],
  ['Terraform', 'manager', writtenBy('Terraform')],
  ['Terraform', 'older manager', writtenBy('HashiCorp')],
  ['Pulumi', 'manager', writtenBy('pulumi-kubernetes-31df3088')],
];

describe('who else writes a Secret', () => {
  it.each(LEFT)('is known to be %s by what it leaves: %s', (name, _, secret) => {
    const found = foreignWriterOf(secret, KEYS);
    expect(found?.who.startsWith(`${name} (`)).toBe(true);
    expect(found?.wayOut).toMatch(/ForeignWriter|rotate that one/);
  });

  it('is tried for each tool', () => {
    expect([...new Set(LEFT.map(([name]) => name))]).toEqual(TOOLS.map(({ name }) => name));
  });

  it('is whatever controls it, of which rekey has never heard', () => {
    const found = foreignWriterOf(owned('acme.example/v1', 'JwtSecret', true), KEYS);
    expect(found?.who).toBe('the controller of JwtSecret x of acme.example/v1 (ownerReferences)');
  });

  it('is the tool for secrets, where that is rolled out by another tool', () => {
    const both = { 'reconcile.external-secrets.io/managed': 'true', 'app.kubernetes.io/managed-by': 'Helm' };
    expect(foreignWriterOf(marked({ labels: both }), KEYS)?.who).toMatch(/^External Secrets/);
  });

  it.each([
    ['people', writtenBy('kubectl-client-side-apply')],
    ['a client without a name', writtenBy('Go-http-client')],
    ['kubectl edit', writtenBy('kubectl-edit')],
    ['rekey', writtenBy('rekey')],
    ['a tool that owns other data', writtenBy('helm', 'DATABASE_URL')],
    ['an owner that only takes it along when it goes', owned('apps/v1', 'Deployment')],
    [
      'a tracking id that was copied from another Secret',
      annotation('argocd.argoproj.io/tracking-id', 'a:/Secret:x/y'),
    ],
    ['Config Sync that has let go', annotation('configmanagement.gke.io/managed', 'disabled')],
    ['a source of Reflector', annotation('reflector.v1.k8s.emberstack.com/reflection-allowed')],
    ['a source of kubernetes-replicator', annotation('replicator.v1.mittwald.de/replication-allowed')],
    ['an instance label that charts set as well', label('app.kubernetes.io/instance', 'shop')],
    ['somebody without a name in the list', label('app.kubernetes.io/managed-by', 'platform-team')],
  ])('is nobody for %s', (_, secret) => {
    expect(foreignWriterOf(secret, KEYS)).toBeUndefined();
  });
});
