/**
 * A real Prometheus and a real Alertmanager, from Debian's packages, with the rules of deploy/monitoring. Minutes become seconds, so that
 * an alert that waits for a quarter of an hour can be seen.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { dump, load } from 'js-yaml';
import { freePorts } from '../cluster/ports.ts';
import { startProcess } from '../cluster/processes.ts';
import { debianLibraries } from '../libraries/debian.ts';
import { until } from '../scenario/until.ts';

/** What Alertmanager sends about one alert. */
export interface Told {
  readonly status: 'firing' | 'resolved';
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** One series of an answer. */
export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [time: number, value: string];
}

export interface Monitoring {
  /** Base of Prometheus' pages. */
  readonly url: string;
  /** All that Alertmanager has sent so far, in order. */
  told(): readonly Told[];
  /** Scrapes these operators from now on, such as `127.0.0.1:8080`. */
  scrape(...targets: readonly string[]): void;
  /** @returns the series of an instant query */
  query(expr: string): Promise<readonly Sample[]>;
  close(): Promise<void>;
}

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
}
interface Group {
  readonly name: string;
  readonly rules: readonly Rule[];
}

const rulesFile = join(import.meta.dirname, '..', '..', '..', 'deploy', 'monitoring', 'rules.yaml');

/** What one minute of a rule becomes. */
const MINUTE_SECONDS = 0.4;

/** @returns the rules, with each time in them so much shorter; the least is two seconds, and a window is ten at least */
export function hastened(): readonly Group[] {
  const { spec } = load(readFileSync(rulesFile, 'utf8')) as { readonly spec: { readonly groups: readonly Group[] } };
  const shorter = (minutes: number, least: number) => `${Math.max(least, Math.ceil(minutes * MINUTE_SECONDS))}s`;
  const minutesOf = (text: string) => Number.parseInt(text, 10) * (text.endsWith('h') ? 60 : 1);
  const rule = ({ for: wait, expr, ...rest }: Rule): Rule => ({
    ...rest,
    // a day, and a hundred of them
    expr: expr
      .replace(/\[(\d+[mh])\]/g, (_, text: string) => `[${shorter(minutesOf(text), 10)}]`)
      .replace('100 * 86400', '20')
      .replace('86400', '5'),
    ...(wait !== undefined && { for: shorter(minutesOf(wait), 2) }),
  });
  return spec.groups.map(({ name, rules }) => ({ name, rules: rules.map(rule) }));
}

/**
 * @param dir an empty folder
 * @returns undefined where Debian's packages cannot be had: skip what needs them, and say so
 */
export async function startMonitoring(dir: string): Promise<Monitoring | undefined> {
  const packages = await debianLibraries(['prometheus', 'prometheus-alertmanager']);
  if (packages === undefined) return undefined;
  const program = (name: string) => join(packages.root, 'usr', 'bin', name);
  mkdirSync(dir, { recursive: true });
  const file = (name: string, content: unknown) => {
    const path = join(dir, name);
    // as a whole: Prometheus reads it whenever it changes
    writeFileSync(`${path}.new`, dump(content));
    renameSync(`${path}.new`, path);
    return path;
  };
  const receiver = await receive();
  const [port = 0, alertmanagerPort = 0] = await freePorts(2);
  const url = `http://127.0.0.1:${port}`;
  const alertmanager = await startProcess({
    ...{ name: 'alertmanager', cwd: dir, logPath: join(dir, 'alertmanager.log') },
    command: [
      // it reads a template from where it would be installed
      'unshare',
      ...['--map-root-user', '--mount', 'sh', '-c', 'mount --bind "$0/usr/share" /usr/share && exec "$@"'],
      ...[packages.root, program('prometheus-alertmanager')],
      `--config.file=${file('alertmanager.yaml', {
        route: { receiver: 'test', group_by: ['...'], group_wait: '0s', group_interval: '1s', repeat_interval: '1h' },
        receivers: [{ name: 'test', webhook_configs: [{ url: receiver.url, send_resolved: true }] }],
      })}`,
      ...[`--storage.path=${join(dir, 'alertmanager')}`, `--web.listen-address=127.0.0.1:${alertmanagerPort}`],
      '--cluster.listen-address=',
    ],
  });
  const scrape = (...targets: readonly string[]) => void file('targets.yaml', [{ targets }]);
  scrape();
  const prometheus = await startProcess({
    ...{ name: 'prometheus', cwd: dir, logPath: join(dir, 'prometheus.log') },
    command: [
      program('prometheus'),
      `--config.file=${file('prometheus.yaml', {
        global: { scrape_interval: '1s', evaluation_interval: '1s' },
        rule_files: [file('rules.yaml', { groups: hastened() })],
        alerting: { alertmanagers: [{ static_configs: [{ targets: [`127.0.0.1:${alertmanagerPort}`] }] }] },
        scrape_configs: [
          { job_name: 'rekey', file_sd_configs: [{ files: [join(dir, 'targets.yaml')], refresh_interval: '1s' }] },
        ],
      })}`,
      ...[`--storage.tsdb.path=${join(dir, 'prometheus')}`, `--web.listen-address=127.0.0.1:${port}`],
      // a page of no data of the last five minutes is one of the last seconds here
      '--query.lookback-delta=5s',
    ],
  });
  const ready = (base: string) =>
    fetch(`${base}/-/ready`).then(
      (response) => response.ok,
      () => false,
    );
  await until('Prometheus is ready', () => ready(url));
  await until('Alertmanager is ready', () => ready(`http://127.0.0.1:${alertmanagerPort}`));
  return {
    ...{ url, told: receiver.told, scrape },
    query: async (expr) => {
      const response = await fetch(`${url}/api/v1/query?${new URLSearchParams({ query: expr })}`);
      const answer = (await response.json()) as { status: string; error?: string; data?: { result: Sample[] } };
      if (answer.status !== 'success') throw new Error(`${expr}: ${answer.error}`);
      return answer.data?.result ?? [];
    },
    close: async () => {
      await Promise.all([prometheus.stop(), alertmanager.stop()]);
      receiver.close();
    },
  };
}

/** What Alertmanager calls. */
async function receive() {
  const told: Told[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    told.push(...(JSON.parse(Buffer.concat(chunks).toString()) as { alerts: Told[] }).alerts);
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/`, told: () => told, close: () => void server.close() };
}
