/**
 * The wire shapes of the objects that rekey uses, with the fields that it uses, and their places in the API. Every time
 * is the string that is on the wire (RFC 3339), never a Date.
 *
 * @see https://kubernetes.io/docs/reference/kubernetes-api/
 */
type Strings = Readonly<Record<string, string>>;

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
}

export interface ManagedFieldsEntry {
  readonly manager?: string;
  readonly operation?: 'Apply' | 'Update';
  readonly time?: string;
  readonly subresource?: string;
  readonly fieldsV1?: Readonly<Record<string, unknown>>;
}

export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly deletionGracePeriodSeconds?: number;
  readonly labels?: Strings;
  readonly annotations?: Strings;
  readonly ownerReferences?: readonly OwnerReference[];
  readonly managedFields?: readonly ManagedFieldsEntry[];
}

/** The fields of all objects. Items of a list have neither apiVersion nor kind. */
export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
}

/** Names an object of a known type; namespaced types need the namespace. */
export interface ObjectKey {
  readonly namespace?: string;
  readonly name: string;
}

/** A type of object and where it lives in the API. */
export interface ResourceType<T extends KubeObject> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  /** Whether to request only the metadata, so that the content never enters this process. */
  readonly metadataOnly?: true;
  /** Never set. It ties T to the value, so that calls know their result type. */
  readonly object?: T;
}

/** @returns a namespaced type of a CustomResourceDefinition */
export function customResource<T extends KubeObject>(
  apiVersion: string,
  kind: string,
  plural: string,
): ResourceType<T> {
  return { apiVersion, kind, plural, namespaced: true };
}

/**
 * The same type without content: reads, lists, watches and answers to writes have only metadata.
 *
 * @see https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches
 */
export function metadataOf({
  apiVersion,
  kind,
  plural,
  namespaced,
}: ResourceType<KubeObject>): ResourceType<KubeObject> {
  return { apiVersion, kind, plural, namespaced, metadataOnly: true };
}

export interface Secret extends KubeObject {
  readonly type?: string;
  readonly immutable?: boolean;
  /** Values in base64. */
  readonly data?: Strings;
}

export interface ConfigMap extends KubeObject {
  readonly immutable?: boolean;
  readonly data?: Strings;
  /** Values in base64. */
  readonly binaryData?: Strings;
}

interface EnvSource {
  readonly name: string;
  readonly optional?: boolean;
}

interface EnvKeySource extends EnvSource {
  readonly key: string;
}

export interface EnvVariable {
  readonly name: string;
  readonly value?: string;
  /** Has more forms than these two, such as fieldRef. */
  readonly valueFrom?: { readonly secretKeyRef?: EnvKeySource; readonly configMapKeyRef?: EnvKeySource };
}

export interface Container {
  readonly name: string;
  readonly image?: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly EnvVariable[];
  readonly envFrom?: readonly {
    readonly prefix?: string;
    readonly secretRef?: EnvSource;
    readonly configMapRef?: EnvSource;
  }[];
  readonly ports?: readonly { readonly name?: string; readonly containerPort: number; readonly protocol?: string }[];
  readonly volumeMounts?: readonly {
    readonly name: string;
    readonly mountPath: string;
    readonly subPath?: string;
    readonly subPathExpr?: string;
  }[];
  /** For an init container, Always makes it a sidecar, which runs beside the others. */
  readonly restartPolicy?: string;
}

/** One file of a volume; without items each data key is a file of that name. */
export interface VolumeItem {
  readonly key: string;
  readonly path: string;
}

export interface Volume {
  readonly name: string;
  readonly secret?: {
    readonly secretName?: string;
    readonly optional?: boolean;
    readonly items?: readonly VolumeItem[];
  };
  readonly projected?: {
    readonly sources?: readonly { readonly secret?: EnvSource & { readonly items?: readonly VolumeItem[] } }[];
  };
}

export interface PodSpec {
  readonly nodeName?: string;
  readonly hostNetwork?: boolean;
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly volumes?: readonly Volume[];
}

export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason?: string;
  readonly message?: string;
  readonly lastTransitionTime?: string;
  readonly observedGeneration?: number;
}

export interface ContainerStatus {
  readonly name: string;
  readonly ready?: boolean;
  readonly restartCount: number;
  readonly containerID?: string;
  readonly state?: ContainerState;
  readonly lastState?: ContainerState;
}

interface ContainerState {
  readonly waiting?: { readonly reason?: string; readonly message?: string };
  readonly running?: { readonly startedAt?: string };
  readonly terminated?: {
    readonly exitCode: number;
    readonly reason?: string;
    readonly startedAt?: string;
    readonly finishedAt?: string;
  };
}

export interface Pod extends KubeObject {
  readonly spec?: PodSpec;
  readonly status?: {
    readonly phase?: 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Unknown';
    readonly podIP?: string;
    readonly startTime?: string;
    readonly conditions?: readonly Condition[];
    readonly containerStatuses?: readonly ContainerStatus[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
  };
}

export interface LabelSelector {
  readonly matchLabels?: Strings;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
    readonly values?: readonly string[];
  }[];
}

export interface PodTemplate {
  readonly metadata?: { readonly labels?: Strings; readonly annotations?: Strings };
  readonly spec?: PodSpec;
}

interface WorkloadSpec {
  readonly selector: LabelSelector;
  readonly template: PodTemplate;
}

export interface StatefulSet extends KubeObject {
  readonly spec?: WorkloadSpec & {
    readonly replicas?: number;
    readonly updateStrategy?: {
      readonly type?: 'RollingUpdate' | 'OnDelete';
      readonly rollingUpdate?: { readonly partition?: number };
    };
  };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly replicas?: number;
    readonly updatedReplicas?: number;
    readonly readyReplicas?: number;
    readonly availableReplicas?: number;
  };
}

export interface DaemonSet extends KubeObject {
  readonly spec?: WorkloadSpec & { readonly updateStrategy?: { readonly type?: 'RollingUpdate' | 'OnDelete' } };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly desiredNumberScheduled?: number;
    readonly currentNumberScheduled?: number;
    readonly updatedNumberScheduled?: number;
    readonly numberReady?: number;
    readonly numberAvailable?: number;
  };
}

export interface Deployment extends KubeObject {
  readonly spec?: {
    readonly replicas?: number;
    readonly paused?: boolean;
    readonly selector: LabelSelector;
    readonly template: PodTemplate;
    readonly progressDeadlineSeconds?: number;
    readonly strategy?: {
      readonly type?: 'RollingUpdate' | 'Recreate';
      readonly rollingUpdate?: { readonly maxUnavailable?: number | string; readonly maxSurge?: number | string };
    };
  };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly replicas?: number;
    readonly updatedReplicas?: number;
    readonly readyReplicas?: number;
    readonly availableReplicas?: number;
    readonly unavailableReplicas?: number;
    readonly conditions?: readonly Condition[];
  };
}

export interface PodDisruptionBudget extends KubeObject {
  /** An absent selector selects nothing, an empty one everything. */
  readonly spec?: { readonly selector?: LabelSelector };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly disruptionsAllowed?: number;
    readonly currentHealthy?: number;
    readonly expectedPods?: number;
  };
}

export interface HorizontalPodAutoscaler extends KubeObject {
  readonly spec?: {
    readonly scaleTargetRef: { readonly kind: string; readonly name: string };
    readonly maxReplicas: number;
  };
  readonly status?: { readonly conditions?: readonly Condition[] };
}

/**
 * Argo Rollouts' own Deployment. `restartAt` requests a restart of all pods created before that time; `restartedAt`
 * gets its value once the controller has evicted them. `observedGeneration` is a number in a string.
 *
 * @see https://argo-rollouts.readthedocs.io/en/stable/features/specification/
 */
export interface Rollout extends KubeObject {
  readonly spec?: {
    readonly replicas?: number;
    readonly restartAt?: string;
    /** Absent if it comes from `workloadRef`, as does the template. */
    readonly selector?: LabelSelector;
    readonly template?: PodTemplate;
    readonly workloadRef?: { readonly apiVersion?: string; readonly kind?: string; readonly name?: string };
  };
  readonly status?: {
    readonly observedGeneration?: string;
    readonly restartedAt?: string;
    /** Hashes of the template and of the last promoted one. They differ during a delivery. */
    readonly currentPodHash?: string;
    readonly stableRS?: string;
    readonly phase?: 'Healthy' | 'Degraded' | 'Progressing' | 'Paused';
    readonly message?: string;
    readonly updatedReplicas?: number;
    readonly readyReplicas?: number;
    readonly availableReplicas?: number;
  };
}

/** batch/v1. */
export interface Job extends KubeObject {
  readonly spec?: { readonly selector?: LabelSelector; readonly template: PodTemplate };
  readonly status?: { readonly ready?: number; readonly conditions?: readonly Condition[] };
}

/** batch/v1. */
export interface CronJob extends KubeObject {
  readonly spec?: { readonly jobTemplate: { readonly spec?: { readonly template: PodTemplate } } };
  readonly status?: { readonly active?: readonly ObjectReference[] };
}

/** `renewTime` and `acquireTime` are MicroTime: writes need exactly six fraction digits. */
export interface Lease extends KubeObject {
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

export interface ObjectReference {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
}

/** events.k8s.io/v1; `eventTime` is MicroTime. */
export interface Event extends KubeObject {
  readonly eventTime: string;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly action: string;
  readonly note?: string;
  readonly regarding: ObjectReference;
  readonly reportingController: string;
  readonly reportingInstance: string;
}

/** Only their names are used. */
export const NAMESPACES: ResourceType<KubeObject> = {
  ...{ apiVersion: 'v1', kind: 'Namespace', plural: 'namespaces', namespaced: false, metadataOnly: true },
};

const namespaced = true;
export const SECRETS: ResourceType<Secret> = { apiVersion: 'v1', kind: 'Secret', plural: 'secrets', namespaced };
export const CONFIG_MAPS: ResourceType<ConfigMap> = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  namespaced,
};
export const PODS: ResourceType<Pod> = { apiVersion: 'v1', kind: 'Pod', plural: 'pods', namespaced };
export const DEPLOYMENTS: ResourceType<Deployment> = customResource('apps/v1', 'Deployment', 'deployments');
export const REPLICA_SETS: ResourceType<KubeObject> = customResource('apps/v1', 'ReplicaSet', 'replicasets');
export const CONTROLLER_REVISIONS: ResourceType<KubeObject> = customResource(
  'apps/v1',
  'ControllerRevision',
  'controllerrevisions',
);
export const STATEFUL_SETS: ResourceType<StatefulSet> = customResource('apps/v1', 'StatefulSet', 'statefulsets');
export const DAEMON_SETS: ResourceType<DaemonSet> = customResource('apps/v1', 'DaemonSet', 'daemonsets');
export const POD_DISRUPTION_BUDGETS: ResourceType<PodDisruptionBudget> = customResource(
  'policy/v1',
  'PodDisruptionBudget',
  'poddisruptionbudgets',
);
export const HORIZONTAL_POD_AUTOSCALERS: ResourceType<HorizontalPodAutoscaler> = customResource(
  'autoscaling/v2',
  'HorizontalPodAutoscaler',
  'horizontalpodautoscalers',
);
export const ROLLOUTS: ResourceType<Rollout> = customResource('argoproj.io/v1alpha1', 'Rollout', 'rollouts');
export const JOBS: ResourceType<Job> = customResource('batch/v1', 'Job', 'jobs');
export const CRON_JOBS: ResourceType<CronJob> = customResource('batch/v1', 'CronJob', 'cronjobs');
export const LEASES: ResourceType<Lease> = customResource('coordination.k8s.io/v1', 'Lease', 'leases');

/** The identity of the caller, by the API server. The API server stores nothing of it. */
export interface SelfSubjectReview extends KubeObject {
  readonly status?: { readonly userInfo?: { readonly username?: string } };
}

export const SELF_SUBJECT_REVIEWS: ResourceType<SelfSubjectReview> = {
  apiVersion: 'authentication.k8s.io/v1',
  kind: 'SelfSubjectReview',
  plural: 'selfsubjectreviews',
  namespaced: false,
};
/** Asks the API server whether an account may do something. The API server stores nothing of it. */
export interface SubjectAccessReview extends KubeObject {
  readonly spec: {
    readonly user: string;
    readonly groups: readonly string[];
    /** Without a name it means all objects; without a namespace, all namespaces. */
    readonly resourceAttributes: Readonly<
      Partial<Record<'namespace' | 'verb' | 'group' | 'resource' | 'subresource' | 'name', string>>
    >;
  };
  readonly status?: { readonly allowed?: boolean };
}

export const SUBJECT_ACCESS_REVIEWS: ResourceType<SubjectAccessReview> = {
  apiVersion: 'authorization.k8s.io/v1',
  kind: 'SubjectAccessReview',
  plural: 'subjectaccessreviews',
  namespaced: false,
};
export const EVENTS: ResourceType<Event> = customResource('events.k8s.io/v1', 'Event', 'events');
