import { join } from 'node:path';
import type { Keyset } from '../../src/rotation/keyset/keyset.ts';
import { installOperator, letIn, OPERATOR_NAMESPACE, operatorKubeconfig } from '../support/scenario/install.ts';
import { type KeyRecorder, recordKeys } from '../support/scenario/key-recorder.ts';
import { type OperatorProcess, startOperator } from '../support/scenario/operator.ts';
import { type RotationState, readState, waitUntilReady } from '../support/scenario/rotation.ts';
import { revisions, rotationFor, SECRET_NAME, type ServiceName } from '../support/scenario/services.ts';
import { progressHeading, type Standing, showProgress, showUntil } from './progress.ts';
import { reportRotation } from './rekey-report.ts';
import { NAMESPACE, openTraffic, type Stage, step } from './stage.ts';

/** A rotation that takes longer than this has failed, in milliseconds. */
const LIMIT_MS = 180_000;

/** @returns whether no valid token was rejected, the old key is gone everywhere, and the rotation was completed */
export async function rotateWithRekey(stage: Stage): Promise<boolean> {
  const { cluster, screen, ends } = stage;
  const { api } = cluster;
  const keys = await recordKeys(api, NAMESPACE, SECRET_NAME);
  ends.defer(() => keys.close());
  const operator = await step(screen, 'rekey', 'the operator, with the rights of deploy/ and no more', () =>
    startRekey(stage),
  );
  const before = await step(screen, 'adopt', 'the Secret is adopted: its key stays, no pod restarts', async () => {
    await api.create(rotationFor({ namespace: NAMESPACE }));
    return waitUntilReady(api, NAMESPACE, SECRET_NAME);
  });
  const traffic = await openTraffic(stage);
  const revisionsBefore = await revisions(api, NAMESPACE);

  const requestedAt = new Date().toISOString().replace(/\.\d+/, '');
  const resource = ['annotate', 'jwtkeyrotation', SECRET_NAME, '--namespace', NAMESPACE];
  const annotation = ['--overwrite', `rekey.dev/rotate-requested-at=${requestedAt}`];
  screen.line();
  screen.line(screen.style.bold(`  $ kubectl ${resource.join(' ')} \\`));
  screen.line(screen.style.bold(`      ${annotation.join(' ')}`));
  screen.line();
  const began = Date.now();
  const { code, stderr } = await cluster.controlPlane.kubectl([...resource, ...annotation]);
  if (code !== 0) throw new Error(`kubectl: ${stderr}`);

  progressHeading(screen, 'pods that hold these keys');
  const look = async (): Promise<Standing> => standingOf(await readState(api, NAMESPACE, SECRET_NAME), requestedAt);
  await showProgress(
    screen,
    began,
    () => within(began, look),
    () => traffic.stats(),
  );
  const finished = Date.now();
  await showUntil(screen, began, 'last tokens', traffic.drain(), () => traffic.stats());
  const account = await traffic.stop();
  const after = await readState(api, NAMESPACE, SECRET_NAME);
  const revisionsAfter = await revisions(api, NAMESPACE);
  const restarts = new Map([...revisionsAfter].map(([name, n]) => [name, n - (revisionsBefore.get(name) ?? 0)]));
  return reportRotation(stage, { restarts, keys, operator, before, after, began, finished, account });
}

async function startRekey({ cluster: { api }, dir, ends }: Stage): Promise<OperatorProcess> {
  await installOperator(api);
  await letIn(api, NAMESPACE, SECRET_NAME);
  const operator = await startOperator({
    kubeconfig: await operatorKubeconfig(api, join(dir, 'rekey.kubeconfig')),
    leaseNamespace: OPERATOR_NAMESPACE,
    logFile: join(dir, 'operator.log'),
  });
  ends.defer(async () => void (await operator.stop()));
  await operator.waitUntilReady();
  return operator;
}

async function within(began: number, look: () => Promise<Standing>): Promise<Standing> {
  const standing = await look();
  if (standing.done || Date.now() < began + LIMIT_MS) return standing;
  throw new Error(`the rotation has not ended after ${LIMIT_MS / 1000} s: it rests in phase ${standing.phase}`);
}

function standingOf({ resource, keyset }: RotationState, requestedAt: string): Standing {
  const { status } = resource;
  const done = keyset?.phase === 'Steady' && keyset.handled.rotateAt === requestedAt && status?.phase === 'Steady';
  const phase = status?.phase ?? 'Pending';
  const counts = (status?.targets ?? []).map(({ name, acked, pods }) => [name as ServiceName, [acked, pods]] as const);
  const standing = {
    // Between the request and the first look at it the resource still rests.
    phase: phase === 'Steady' && !done ? 'Requested' : phase,
    pods: new Map(counts),
    acknowledged: keyset !== undefined && isAcknowledged(keyset),
    done,
  };
  if (phase !== 'Draining' || status?.retireNotBefore === undefined) return standing;
  const left = Math.max(0, Math.ceil((Date.parse(status.retireNotBefore) - Date.now()) / 1000));
  const text = (n: number): string => `old key leaves ${n === 0 ? 'now' : `in ${n} s`}`;
  return {
    ...standing,
    note: { text: text(left), coarse: text(Math.ceil(left / 5) * 5), past: 'old tokens have expired' },
  };
}

/** Whether the Secret records that no live pod is behind the keyset that ended the phase before. */
function isAcknowledged({ phase, acked, version }: Keyset): boolean {
  if (phase === 'Promoting') return acked.Verifier >= version - 1;
  if (phase === 'Draining') return acked.Signer >= version;
  return phase === 'Steady' && acked.Verifier >= version;
}

export interface Rotated {
  readonly keys: KeyRecorder;
  readonly operator: OperatorProcess;
  readonly before: RotationState;
  readonly after: RotationState;
  /** When it was asked for and when it was over, in milliseconds since the epoch. */
  readonly began: number;
  readonly finished: number;
  /** Rolling restarts of each service meanwhile. */
  readonly restarts: ReadonlyMap<string, number>;
  readonly account: Awaited<ReturnType<Awaited<ReturnType<typeof openTraffic>>['stop']>>;
}
