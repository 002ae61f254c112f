/** Metadata of any object, as far as tests look at it. */
export interface KubeMetadata {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly deletionGracePeriodSeconds?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly { readonly kind: string; readonly name: string; readonly uid: string }[];
  readonly finalizers?: readonly string[];
  readonly managedFields?: readonly { readonly manager?: string; readonly time?: string }[];
}

/**
 * Any Kubernetes object as the JSON that the API server sends: times are
 * strings, `data` of a Secret is base64. Give `KubeApi`'s methods a narrower
 * type where a test looks deeper.
 */
export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: KubeMetadata;
  readonly [field: string]: unknown;
}

/** A list as the API server sends it: the items have no kind of their own. */
export interface KubeList<T extends KubeObject = KubeObject> {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  readonly items: readonly T[];
}

/** One event of a watch. A BOOKMARK's object has nothing but a resourceVersion. */
export interface WatchEvent<T extends KubeObject = KubeObject> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  readonly object: T;
}

/** The API server's answer when it refuses. */
export class KubeApiError extends Error {
  /** HTTP status code. */
  readonly status: number;
  /** Kubernetes' reason, such as NotFound, Conflict or Expired. */
  readonly reason: string;

  constructor(status: number, reason: string, message: string) {
    super(message);
    this.name = 'KubeApiError';
    this.status = status;
    this.reason = reason;
  }
}
