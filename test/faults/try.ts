import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AuditTail } from './audit-tail.ts';
import { buildService, bundleOperator, startCampaignCluster } from './cluster.ts';
import { openLane } from './lane.ts';
import { PLAIN } from './plan.ts';
import { runPlan } from './run.ts';
import { textOf } from './operator.ts';

const dir = mkdtempSync(join(tmpdir(), 'rekey-faults-'));
const t = Date.now();
const log = (text: string) => console.log(((Date.now() - t) / 1000).toFixed(1), text);
const [service, build] = await Promise.all([buildService(dir), bundleOperator(dir)]);
log('built');
const cluster = await startCampaignCluster(join(dir, 'c'), service);
log('cluster');
const lane = await openLane({ cluster: cluster.provided, audit: await AuditTail.start(cluster.provided.auditLogPath), language: 'go' });
log('lane');
for (let i = 0; i < 3; i++) {
  const cpu = process.cpuUsage();
  const result = await runPlan(lane, { ...PLAIN, class: 'none', name: 'nothing' }, build, `run-${i}`);
  log(JSON.stringify({ ...result, journal: undefined, logs: undefined }, null, 1));
  console.log(process.cpuUsage(cpu));
  writeFileSync(`/tmp/trace-${i}.txt`, [...result.journal.trace(), ...result.journal.lines.map((l) => JSON.stringify(l)), ...result.logs.map((l) => l.text)].join('\n'));
}
await lane.close();
await cluster.stop();
rmSync(dir, { recursive: true, force: true });
