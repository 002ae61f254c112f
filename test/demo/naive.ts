import { newKey, SECRET_NAME, SERVICE_NAMES, type ServiceName } from '../support/scenario/services.ts';
import { askEveryPod, inWords } from './asked.ts';
import { demoRun, keepRun } from './page.ts';
import { progressHeading, type Standing, showProgress, showUntil } from './progress.ts';
import { count, seconds, table } from './screen.ts';
import { NAMESPACE, openTraffic, type Stage } from './stage.ts';

/** What people do today, under the same traffic: a new value, and a restart of everything that reads it. @returns whether it ran */
export async function rotateNaively(stage: Stage): Promise<boolean> {
  const { screen, pods } = stage;
  const traffic = await openTraffic(stage);
  const deployments = SERVICE_NAMES.map((name) => `deployment/${name}`);
  const restart = ['rollout', 'restart', '--namespace', NAMESPACE];
  screen.line();
  const { bold, bad } = screen.style;
  screen.line(bold(`  $ kubectl apply --server-side -f -  # ${SECRET_NAME} with a new JWT_SECRET_KEY`));
  screen.line(bold(`  $ kubectl ${restart.join(' ')} \\`));
  screen.line(bold(`      ${deployments.join(' ')}`));
  screen.line();

  const began = Date.now();
  const key = newKey();
  const old = new Set(pods.pods().map(({ metadata }) => metadata.uid));
  await kubectl(stage, ['apply', '--server-side', '--force-conflicts', '-f', '-'], secretWith(key));
  await kubectl(stage, [...restart, ...deployments]);
  progressHeading(screen, 'pods started anew');
  await showProgress(
    screen,
    began,
    async () => standingOf(stage, old),
    () => traffic.stats(),
  );
  const restarted = Date.now();
  for (const name of deployments) await kubectl(stage, ['rollout', 'status', '--namespace', NAMESPACE, name]);
  await showUntil(screen, began, 'last tokens', traffic.drain(), () => traffic.stats());
  const account = await traffic.stop();

  const oldKey = await askEveryPod(pods, stage.firstKey);
  const tokens = new Set(account.rejections.map(({ jti }) => jti)).size;
  screen.line();
  screen.line(bold('Result'));
  const rows = [
    ['restart', `over in ${seconds(restarted - began)}`],
    ['tokens issued', count(account.issued)],
    ['checks', count(account.checks)],
    ['rejected', bad(`${count(account.rejected)} checks of ${count(tokens)} valid tokens`)],
    ['', `${count(account.rejectedYoung)} less than a second after they were issued: old and new pods disagree`],
    ['', `${count(account.rejected - account.rejectedYoung)} later: the key that had signed them was taken away`],
    ['old key', `accepted by ${inWords(oldKey.accepted, oldKey.pods)}`],
  ];
  for (const line of table(rows)) screen.line(line);
  const naive = demoRun(account, { lastedMs: restarted - began, oldKey: inWords(oldKey.accepted, oldKey.pods) });
  const page = keepRun({ naive });
  if (page !== undefined) screen.line(`  page     ${page}, with rekey beside it`);
  screen.line();
  screen.line('Each of these tokens is a user who was logged out for no reason.');
  return account.issued > 0;
}

async function kubectl({ cluster }: Stage, args: readonly string[], input?: string): Promise<void> {
  const { code, stderr } = await cluster.controlPlane.kubectl(args, input);
  if (code !== 0) throw new Error(`kubectl ${args[0]}: ${stderr}`);
}

/** On standard input: an argument could be read by every process of the machine. */
function secretWith(key: string): string {
  const metadata = { name: SECRET_NAME, namespace: NAMESPACE };
  return JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata, stringData: { JWT_SECRET_KEY: key } });
}

/** The restart is over when each service has as many ready new pods as it had before, and no old one. */
function standingOf({ pods }: Stage, old: ReadonlySet<string | undefined>): Standing {
  const all = pods.endpoints();
  const counts = SERVICE_NAMES.map((name): readonly [ServiceName, readonly [number, number]] => {
    const mine = all.filter(({ service }) => service === name);
    return [name, [mine.filter(({ uid, ready }) => ready && !old.has(uid)).length, mine.length]];
  });
  const done = all.length > 0 && all.every(({ uid, ready }) => ready && !old.has(uid));
  return { phase: 'Restarting', pods: new Map(counts), done };
}
