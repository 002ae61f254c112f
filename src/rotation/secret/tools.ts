/** Tools that restore what they wrote to a Secret: the marks that each leaves, and how to make it stop. */
import type { ObjectMeta } from '../../kube/types.ts';

export interface Tool {
  readonly name: string;
  /** Names of labels; `name=value` if only that value is a mark. */
  readonly labels?: readonly string[];
  /** Names of annotations; `name=value` if only that value is a mark. */
  readonly annotations?: readonly string[];
  /** Matches `apiVersion kind` of an owner. */
  readonly owners?: RegExp;
  /** Matches the field manager of a data key that holds a key. */
  readonly managers?: RegExp;
  /** Whether a label or an annotation means this Secret; absent if it always does. */
  readonly isMeant?: (name: string, value: string, metadata: ObjectMeta) => boolean;
  readonly wayOut: string;
}

const MARKS = 'then remove what it left on the Secret (docs/runbook.md, ForeignWriter)';
const CLEAR = 'then forget who wrote it (docs/runbook.md, ForeignWriter)';

/** Argo CD itself ignores a tracking id that was copied from another object. */
function isTracked(name: string, value: string, { namespace = '', name: own }: ObjectMeta): boolean {
  return name !== 'argocd.argoproj.io/tracking-id' || value.endsWith(`/Secret:${namespace}/${own}`);
}

/** In order: the first match is reported. Helm or Argo CD may have deployed a tool for secrets. */
export const TOOLS: readonly Tool[] = [
  {
    name: 'External Secrets',
    labels: ['reconcile.external-secrets.io/managed', 'reconcile.external-secrets.io/created-by'],
    annotations: ['reconcile.external-secrets.io/data-hash'],
    owners: /^external-secrets\.io\//,
    managers: /^(externalsecrets\.external-secrets\.io\/|external-secrets)/,
    wayOut: `set creationPolicy: Orphan and deletionPolicy: Retain in its ExternalSecret and delete that; ${MARKS}`,
  },
  {
    name: 'Vault Secrets Operator',
    labels: ['secrets.hashicorp.com/vso-ownerRefUID', 'app.kubernetes.io/managed-by=hashicorp-vso'],
    owners: /^secrets\.hashicorp\.com\//,
    managers: /^(hashicorp-)?vault-secrets-operator/,
    wayOut: `remove the key from its custom resource (this also removes a Secret that it owns: save the key first); ${MARKS}`,
  },
  {
    name: 'Sealed Secrets',
    annotations: ['sealedsecrets.bitnami.com/managed=true', 'sealedsecrets.bitnami.com/patch=true'],
    owners: /^bitnami\.com\/\S+ SealedSecret$/,
    managers: /^sealed-secrets/,
    wayOut: `remove the ownerReference and delete the SealedSecret; ${MARKS}`,
  },
  {
    name: 'the Secrets Store CSI driver',
    labels: ['secrets-store.csi.k8s.io/managed'],
    managers: /^secrets-store/,
    wayOut: `remove secretObjects from its SecretProviderClass; ${MARKS}`,
  },
  {
    name: '1Password Operator',
    annotations: ['operator.1password.io/item-path', 'operator.1password.io/item-version'],
    owners: /^onepassword\.com\//,
    wayOut: `remove the ownerReference and delete the OnePasswordItem, or its annotations on the workload; ${MARKS}`,
  },
  {
    name: 'Infisical Operator',
    annotations: ['secrets.infisical.com/version'],
    owners: /^secrets\.infisical\.com\//,
    wayOut: `set creationPolicy: Orphan in its custom resource and delete that; ${MARKS}`,
  },
  {
    name: 'Doppler Operator',
    labels: ['secrets.doppler.com/subtype'],
    annotations: ['secrets.doppler.com/version'],
    owners: /^secrets\.doppler\.com\//,
    wayOut: `remove the ownerReference and delete the DopplerSecret; ${MARKS}`,
  },
  {
    name: 'Bitwarden Secrets Manager Operator',
    labels: ['k8s.bitwarden.com/bw-secret'],
    owners: /^k8s\.bitwarden\.com\//,
    wayOut: `remove the ownerReference and delete the BitwardenSecret; ${MARKS}`,
  },
  {
    name: 'SOPS Secrets Operator',
    owners: /^isindir\.github\.com\//,
    wayOut: `remove the key from the SopsSecret, and remove the ownerReference; ${CLEAR}`,
  },
  {
    name: 'Reflector',
    annotations: ['reflector.v1.k8s.emberstack.com/reflects'],
    wayOut: `it copies the value of another Secret: rotate that one, in its namespace; or ${MARKS.replace('then ', '')}`,
  },
  {
    name: 'kubernetes-replicator',
    annotations: [
      'replicator.v1.mittwald.de/replicate-from',
      'replicator.v1.mittwald.de/replicated-from-version',
      'replicator.v1.mittwald.de/replicated-by',
    ],
    wayOut: `it copies the value of another Secret: rotate that one, in its namespace; or ${MARKS.replace('then ', '')}`,
  },
  {
    name: 'Kyverno',
    labels: ['generate.kyverno.io/policy-name', 'app.kubernetes.io/managed-by=kyverno'],
    wayOut: `set synchronize: false in its policy; ${MARKS}`,
  },
  {
    name: 'Argo CD',
    annotations: ['argocd.argoproj.io/tracking-id'],
    labels: ['argocd.argoproj.io/instance'],
    managers: /^argocd/,
    isMeant: isTracked,
    wayOut: `set the annotation argocd.argoproj.io/sync-options: Prune=false on the Secret and remove it from the application; ${MARKS}`,
  },
  {
    name: 'Flux',
    labels: ['kustomize.toolkit.fluxcd.io/name', 'helm.toolkit.fluxcd.io/name'],
    managers: /^(kustomize-controller|helm-controller)/,
    wayOut: `set the annotation kustomize.toolkit.fluxcd.io/prune: disabled (in a chart: helm.sh/resource-policy: keep) on the Secret and remove it from the source; ${MARKS}`,
  },
  {
    name: 'Fleet or another controller of Rancher',
    annotations: ['objectset.rio.cattle.io/id', 'objectset.rio.cattle.io/owner-gvk'],
    managers: /^(fleetagent|fleet-agent)/,
    wayOut: `remove the Secret from the bundle; ${MARKS}`,
  },
  {
    name: 'Helm',
    annotations: ['meta.helm.sh/release-name'],
    labels: ['app.kubernetes.io/managed-by=Helm'],
    managers: /^helm$/i,
    wayOut: `set the annotation helm.sh/resource-policy: keep on the Secret and upgrade, then remove it from the chart and upgrade (a chart that creates it once and keeps it needs the same, but rekey cannot see that); ${MARKS}`,
  },
  {
    name: 'kapp',
    labels: ['kapp.k14s.io/app'],
    managers: /^kapp/,
    wayOut: `set the annotation kapp.k14s.io/delete-strategy: orphan on the Secret, deploy, and remove it from the app; ${MARKS}`,
  },
  {
    name: 'Config Sync',
    annotations: ['configmanagement.gke.io/managed=enabled'],
    managers: /^configsync/,
    wayOut: `set configmanagement.gke.io/managed: disabled in the source and then remove the Secret from it; ${MARKS}`,
  },
  {
    name: 'the addon manager',
    labels: ['addonmanager.kubernetes.io/mode=Reconcile'],
    wayOut: `remove the Secret from the addon; ${MARKS}`,
  },
  {
    name: 'Terraform',
    managers: /^(terraform|hashicorp)$/i,
    labels: ['app.kubernetes.io/managed-by=Terraform', 'app.kubernetes.io/managed-by=terraform'],
    wayOut: `terraform state rm the Secret and remove it from the configuration; ${CLEAR}`,
  },
  {
    name: 'Pulumi',
    managers: /^pulumi-/,
    labels: ['app.kubernetes.io/managed-by=pulumi'],
    wayOut: `pulumi state delete the Secret and remove it from the program; ${CLEAR}`,
  },
];
