/** Where a kind lives in the API. */
export interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
}

const table = `
v1                               Namespace                         namespaces                          cluster
v1                               Node                              nodes                               cluster
v1                               Secret                            secrets                             namespaced
v1                               ConfigMap                         configmaps                          namespaced
v1                               ServiceAccount                    serviceaccounts                     namespaced
v1                               Pod                               pods                                namespaced
v1                               Service                           services                            namespaced
v1                               Event                             events                              namespaced
v1                               ResourceQuota                     resourcequotas                      namespaced
v1                               LimitRange                        limitranges                         namespaced
apps/v1                          Deployment                        deployments                         namespaced
apps/v1                          ReplicaSet                        replicasets                         namespaced
apps/v1                          StatefulSet                       statefulsets                        namespaced
apps/v1                          DaemonSet                         daemonsets                          namespaced
batch/v1                         Job                               jobs                                namespaced
batch/v1                         CronJob                           cronjobs                            namespaced
policy/v1                        PodDisruptionBudget               poddisruptionbudgets                namespaced
autoscaling/v2                   HorizontalPodAutoscaler           horizontalpodautoscalers            namespaced
networking.k8s.io/v1             NetworkPolicy                     networkpolicies                     namespaced
coordination.k8s.io/v1           Lease                             leases                              namespaced
scheduling.k8s.io/v1             PriorityClass                     priorityclasses                     cluster
rbac.authorization.k8s.io/v1     Role                              roles                               namespaced
rbac.authorization.k8s.io/v1     RoleBinding                       rolebindings                        namespaced
rbac.authorization.k8s.io/v1     ClusterRole                       clusterroles                        cluster
rbac.authorization.k8s.io/v1     ClusterRoleBinding                clusterrolebindings                 cluster
apiextensions.k8s.io/v1          CustomResourceDefinition          customresourcedefinitions           cluster
admissionregistration.k8s.io/v1  ValidatingAdmissionPolicy         validatingadmissionpolicies         cluster
admissionregistration.k8s.io/v1  ValidatingAdmissionPolicyBinding  validatingadmissionpolicybindings   cluster
admissionregistration.k8s.io/v1  ValidatingWebhookConfiguration    validatingwebhookconfigurations     cluster
argoproj.io/v1alpha1             Rollout                           rollouts                            namespaced
rekey.dev/v1alpha1               JwtKeyRotation                    jwtkeyrotations                     namespaced
`;

const resources = new Map<string, Resource>(
  table
    .trim()
    .split('\n')
    .map((line) => line.split(/ +/))
    .map(([apiVersion = '', kind = '', plural = '', scope]) => [
      kind,
      { apiVersion, kind, plural, namespaced: scope === 'namespaced' },
    ]),
);

/**
 * Looks a kind up in the table above.
 * @throws Error for a kind that is not in it: add a line
 */
export function resourceOf(kind: string): Resource {
  const resource = resources.get(kind);
  if (resource === undefined) throw new Error(`test/support/cluster/resources.ts does not know the kind ${kind}`);
  return resource;
}

/** One object, or with no name all objects of a kind in a namespace, or with no namespace either in the cluster. */
export interface Target {
  readonly kind: string;
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  readonly subresource?: string | undefined;
  /** That of the table if absent: a test may have the same kind in a group of its own. */
  readonly apiVersion?: string | undefined;
}

/** The path of a target under the API server's URL, such as /api/v1/namespaces/default/pods/p/status. */
export function pathOf({ kind, namespace, name, subresource, ...target }: Target): string {
  const { plural, namespaced, ...usual } = resourceOf(kind);
  const apiVersion = target.apiVersion ?? usual.apiVersion;
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const inNamespace = namespaced && namespace !== undefined ? `/namespaces/${namespace}` : '';
  const ofOne = [name, subresource].filter((part) => part !== undefined).map((part) => `/${part}`);
  return `${root}${inNamespace}/${plural}${ofOne.join('')}`;
}
