/**
 * One life of one container: what it held from its start to its end. Versions are resourceVersions: of the pod's events,
 * and where files are written anew meanwhile, of the Secret.
 */
export interface Life {
  readonly pod: string;
  readonly service: string;
  readonly container: string;
  readonly from: bigint;
  /** When its start was seen here, milliseconds since the epoch. */
  readonly startedAt: number;
  /** When it started by the pod's status, whole seconds, cut off; milliseconds since the epoch. That is what the operator goes by. */
  readonly toldStart?: number;
  /** Undefined while it lives. */
  until: bigint | undefined;
  /** When its end was seen here, milliseconds since the epoch. */
  endedAt: number | undefined;
  /** Keys of the tokens that it accepted and refused. */
  readonly accepts: Set<string>;
  readonly refuses: Set<string>;
  /** The key of a token that it issued; undefined if it issues none, or was never asked in time. */
  signs: string | undefined;
}

export function newLife(of: Pick<Life, 'pod' | 'service' | 'container'>, from: bigint, toldStart?: number): Life {
  return {
    ...(toldStart !== undefined && { toldStart }),
    ...{ pod: of.pod, service: of.service, container: of.container, from, startedAt: Date.now() },
    ...{ until: undefined, endedAt: undefined, signs: undefined },
    accepts: new Set(),
    refuses: new Set(),
  };
}
