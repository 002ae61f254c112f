/** One pod as the traffic sees it. Supplied anew for every round, so that the traffic follows restarts. */
export interface PodEndpoint {
  /** Name of the service that the pod belongs to, such as `main`. */
  readonly service: string;
  /** Name of the pod. */
  readonly pod: string;
  readonly uid: string;
  /** Origin without a path, such as `http://127.40.0.7:8000`: always the pod itself, never a Service. */
  readonly url: string;
  /** Whether a load balancer would send new connections here. */
  readonly ready: boolean;
  /** Whether the pod is on its way out; it may answer for a while, and its tokens and its verdicts count. */
  readonly terminating: boolean;
}
