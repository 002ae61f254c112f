import type { ContainerStatus, Pod, PodCondition, PodStatus } from './types.ts';

/** The time now as Kubernetes writes it: whole seconds, cut off. */
export function now(): string {
  return `${new Date().toISOString().slice(0, 19)}Z`;
}

/** What the status of a pod follows from. */
export interface PodFacts {
  readonly podIP: string;
  readonly hostIP: string;
  readonly startTime: string;
  readonly isInitialized: boolean;
  readonly initContainers: readonly ContainerStatus[];
  readonly containers: readonly ContainerStatus[];
}

/**
 * Composes the status of a pod.
 * @param previous the conditions sent last: one that did not change keeps its time
 */
export function podStatus(pod: Pod, facts: PodFacts, previous: readonly PodCondition[]): PodStatus {
  const phase = phaseOf(pod, facts);
  const isOver = phase === 'Succeeded' || phase === 'Failed';
  const unready = facts.containers.filter(({ ready }) => !ready).map(({ name }) => name);
  const why = isOver
    ? { reason: phase === 'Succeeded' ? 'PodCompleted' : 'PodFailed' }
    : { reason: 'ContainersNotReady', message: `containers with unready status: [${unready.join(' ')}]` };
  const areContainersReady = !isOver && facts.isInitialized && unready.length === 0;
  const closedGate = (pod.spec.readinessGates ?? []).find(
    ({ conditionType }) =>
      !pod.status?.conditions?.some(({ type, status }) => type === conditionType && status === 'True'),
  );
  const whyNot =
    areContainersReady && closedGate !== undefined
      ? { reason: 'ReadinessGatesNotReady', message: `the readiness gate ${closedGate.conditionType} is not True` }
      : why;
  return {
    phase,
    conditions: [
      condition('PodScheduled', true, {}),
      condition('Initialized', facts.isInitialized, { reason: 'ContainersNotInitialized' }),
      condition('ContainersReady', areContainersReady, why),
      condition('Ready', areContainersReady && closedGate === undefined, whyNot),
    ],
    hostIP: facts.hostIP,
    hostIPs: [{ ip: facts.hostIP }],
    podIP: facts.podIP,
    podIPs: [{ ip: facts.podIP }],
    startTime: facts.startTime,
    ...(facts.initContainers.length === 0 ? {} : { initContainerStatuses: facts.initContainers }),
    containerStatuses: facts.containers,
  };

  function condition(type: string, isTrue: boolean, otherwise: { reason?: string; message?: string }): PodCondition {
    const status = isTrue ? 'True' : 'False';
    const before = previous.find((one) => one.type === type);
    const lastTransitionTime = before?.status === status ? before.lastTransitionTime : now();
    // The patch merges: what no longer holds has to be taken away.
    const details = isTrue ? { reason: null, message: null } : { message: null, ...otherwise };
    return { type, status, lastTransitionTime, ...details };
  }
}

function phaseOf(pod: Pod, { isInitialized, containers }: PodFacts): PodStatus['phase'] {
  const hasStarted = ({ state, lastState }: ContainerStatus): boolean =>
    state.running !== undefined || state.terminated !== undefined || lastState.terminated !== undefined;
  if (!isInitialized || !containers.every(hasStarted)) return 'Pending';
  const isDeleted = pod.metadata.deletionTimestamp !== undefined;
  const policy = pod.spec.restartPolicy ?? 'Always';
  const exits = containers.map(({ state }) => state.terminated?.exitCode);
  if (exits.some((code) => code === undefined)) return 'Running';
  const isGood = exits.every((code) => code === 0);
  // A container that will be started again is running as far as the pod goes.
  if (!isDeleted && (policy === 'Always' || (policy === 'OnFailure' && !isGood))) return 'Running';
  return isGood ? 'Succeeded' : 'Failed';
}
