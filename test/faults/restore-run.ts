/**
 * A rotation during which etcd is put back to an earlier moment of it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { KEYSET_VERSION } from '../../src/rotation/api/names.ts';
import { follow } from '../support/cluster/follow.ts';
import { KubeApi } from '../support/cluster/kubeapi.ts';
import type { Resource } from '../support/scenario/rotation.ts';
import { waitForServices } from '../support/scenario/services.ts';
import { until } from '../support/scenario/until.ts';
import { startTraffic } from '../support/traffic/traffic.ts';
import type { CampaignCluster } from './cluster.ts';
import { Crew } from './crew.ts';
import { askPods, textsOf } from './end-state.ts';
import { TOKEN_TTL_SECONDS } from './fleet.ts';
import { recordSecret, verifyOf } from './history.ts';
import type { Lane } from './lane.ts';
import { keepLedger } from './ledger.ts';
import type { Build } from './operator.ts';
import { judge } from './oracles/all.ts';
import { patience } from './patience.ts';
import type { Plan } from './plan.ts';
import { restore, takeSnapshot } from './restore.ts';
import type { Result } from './run.ts';
import { snapshotOf } from './snapshot.ts';
import { Strikes } from './strikes.ts';
import { wishOf } from './workload.ts';

/** After a disaster everything starts anew, and caches of ten minutes may have to find out. */
const BOUND_MS = 120_000;

export async function runRestore(
  cluster: CampaignCluster,
  lane: Lane,
  plan: Plan,
  build: Build,
  run: string,
): Promise<Result> {
  const { restored } = plan;
  if (restored === undefined) throw new Error('nothing is to be restored');
  const startedAt = Date.now();
  lane.history.restart();
  const before = await snapshotOf(lane, plan);
  const crew = new Crew({ lane, build, replicas: 1, run, env: {} });
  const strikes = new Strikes(crew, []);
  const journal = lane.proxy.begin(strikes);
  let endpoints = lane.ledger.endpoints;
  const traffic = startTraffic({
    endpoints: () => endpoints(),
    ...{
      tokensPerSecond: 8,
      tokenTtlSeconds: TOKEN_TTL_SECONDS,
      issuers: ['main'],
      recheckEveryMs: 600,
      leewaySeconds: 0.3,
    },
  });
  const phase = (wanted: string) =>
    until(`phase ${wanted}`, async () => lane.history.records.some((record) => record.phase === wanted), {
      everyMs: 5,
    });
  await crew.start();
  await wishOf(lane, plan.workload).begin();
  await phase(restored.from);
  const snapshot = await takeSnapshot(cluster);
  if (restored.to === 'After') await until('it is over', async () => lane.history.latest()?.phase === 'Steady');
  else await phase(restored.to);
  endpoints = () => [];
  const end = await restore(cluster, snapshot, restored.bump);
  const renewed = await renew(lane);
  endpoints = renewed.ledger.endpoints;
  const restoredAt = Date.now();
  try {
    const first = renewed.history.latest();
    const keysBefore = first === undefined ? new Set<string>() : verifyOf(first);
    const isOver = (): boolean => {
      const { status } = renewed.resource() ?? {};
      const latest = renewed.history.latest();
      const steady = latest?.phase === 'Steady' && status?.phase === 'Steady';
      return steady && status.keysetVersion === latest.version && status.history?.[0]?.outcome !== undefined;
    };
    while (!isOver() && Date.now() < restoredAt + BOUND_MS * patience()) await sleep(100);
    const ended = isOver();
    const seconds = (Date.now() - restoredAt) / 1000;
    await traffic.drain();
    const report = await traffic.stop();
    await waitForServices(renewed.api, lane.namespace, { timeoutMs: 20_000 }).catch(() => undefined);
    await renewed.ledger.settled();
    const pods = await askPods(renewed, plan.workload);
    const metrics = await crew.metrics();
    await crew.stop();
    const records = [...renewed.history.records];
    const violations = judge({
      ...{ plan, journal, records, keysBefore, before, traffic: report },
      after: await snapshotOf(renewed, plan),
      texts: [...crew.logs(), { name: 'metrics', text: metrics }, ...(await textsOf(renewed))],
      keysAfter: renewed.history.keys(),
      lives: [...renewed.ledger.lives],
      ending: { ended, resource: renewed.resource(), seconds, pods },
      logs: crew.logs(),
      deaths: crew.deaths,
      processes: crew.started,
      audited: [],
      faultMs: 0,
      allowedFrom: undefined,
    });
    return {
      ...{ violations, journal, fired: true, struck: 0, ended },
      seconds: (Date.now() - startedAt) / 1000,
      tokens: report.issued,
      checks: report.checks,
      rejected: report.rejected,
      heeded: 0,
      story: [
        ...records.map(
          ({ at, resourceVersion, version, phase: name }) =>
            `${((at - restoredAt) / 1000).toFixed(2)} rv=${resourceVersion} version ${version} ${name}`,
        ),
        ...renewed.ledger.pods().map(({ metadata, status }) => {
          const leaving = metadata.deletionTimestamp === undefined ? '' : ', leaving';
          return `pod ${metadata.name} ${status?.phase}, version ${metadata.annotations?.[KEYSET_VERSION]}${leaving}`;
        }),
      ],
      logs: crew.logs(),
    };
  } finally {
    await Promise.all([traffic.stop(), crew.stop()]);
    await renewed.close();
    await end();
  }
}

/** The same namespace, looked at afresh: watches of before know a future that never was. */
async function renew(lane: Lane): Promise<Lane> {
  await Promise.all([lane.history.close(), lane.ledger.close()]);
  const { namespace, name } = lane;
  const api = new KubeApi(lane.api.credentials);
  const history = await recordSecret(api, namespace, name);
  const ledger = await keepLedger(api, namespace, history, lane.fleet);
  let resource: Resource | undefined;
  const ends = new AbortController();
  const see = (next: Resource | undefined): void => {
    resource = next;
  };
  const watching = follow<Resource>(
    api,
    { kind: 'JwtKeyRotation', namespace },
    { onList: ([first]) => see(first), onChange: see, onDelete: () => see(undefined) },
    ends.signal,
  );
  return {
    ...lane,
    ...{ api, history, ledger },
    resource: () => resource,
    close: async () => {
      ends.abort();
      await Promise.all([watching, history.close(), ledger.close()]);
      await lane.proxy.close();
      await api.close();
    },
  };
}
