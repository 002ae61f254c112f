import { join } from 'node:path';
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

  const requestedAt = new Date().toISOString();
  const command = [
    ...['annotate', 'jwtkeyrotation', SECRET_NAME, '--namespace', NAMESPACE],
    `rekey.dev/rotate-requested-at=${requestedAt}`,
  ];
  screen.line();
  screen.line(`  $ ${screen.style.bold(`kubectl ${command.join(' ')}`)}`);
  screen.line();
  const began = Date.now();
  const { code, stderr } = await cluster.controlPlane.kubectl(command);
  if (code !== 0) throw new Error(`kubectl: ${stderr}`);

  progressHeading(screen, '      pods that hold the keys of the phase');
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
  throw new Error(`the rotation is not over after ${LIMIT_MS / 1000} s: it rests in phase ${standing.phase}`);
}

function standingOf({ resource, keyset }: RotationState, requestedAt: string): Standing {
  const { status } = resource;
  const over = keyset?.phase === 'Steady' && keyset.handled.rotateAt === requestedAt && status?.phase === 'Steady';
  const pods = (status?.targets ?? []).map(({ name, acked, pods }) => [name as ServiceName, [acked, pods]] as const);
  const standing = { phase: status?.phase ?? 'Pending', pods: new Map(pods), done: over };
  const leftMs = Date.parse(status?.retireNotBefore ?? '') - Date.now();
  if (status?.phase !== 'Draining' || !(leftMs > 0)) return standing;
  const left = Math.ceil(leftMs / 1000);
  const text = (n: number): string => `old key leaves in ${n} s`;
  return { ...standing, note: { text: text(left), coarse: text(Math.ceil(left / 5) * 5) } };
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
