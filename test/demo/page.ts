/**
 * The page that `make demo` writes: the report of its rotation, with the tokens that were under way; beside them those of
 * `make demo NAIVE=1`, if that has been run, before or after.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { type Html, html } from '../../src/cli/report/html.ts';
import { reportOf, type Source } from '../../src/cli/report/model.ts';
import { reportPage } from '../../src/cli/report/page.ts';
import { table } from '../../src/cli/report/table.ts';
import type { Traffic } from '../support/traffic/traffic.ts';
import { count, seconds } from './screen.ts';

const ROOT = join(import.meta.dirname, '../..');
const FOLDER = join(ROOT, 'dist/demo');

/** What one demonstration found out. */
export interface DemoRun {
  /** Milliseconds since the epoch. */
  readonly endedAt: number;
  /** From the first write to the end, milliseconds. */
  readonly lastedMs: number;
  readonly issued: number;
  readonly checks: number;
  /** Checks in which a valid token was refused, and the tokens that this happened to. */
  readonly rejected: number;
  readonly rejectedYoung: number;
  readonly rejectedTokens: number;
  readonly byService: Readonly<Record<string, { readonly checks: number; readonly rejected: number }>>;
  /** Which pods accepted the old key at the end, in words. */
  readonly oldKey: string;
}

/** @returns what of an account goes into a page */
export function demoRun(
  account: Awaited<ReturnType<Traffic['stop']>>,
  { lastedMs, oldKey }: Pick<DemoRun, 'lastedMs' | 'oldKey'>,
): DemoRun {
  const { issued, checks, rejected, rejectedYoung, byService, rejections } = account;
  const rejectedTokens = new Set(rejections.map(({ jti }) => jti)).size;
  return {
    endedAt: Date.now(),
    ...{ lastedMs, issued, checks, rejected, rejectedYoung, rejectedTokens, byService, oldKey },
  };
}

/** Keeps a run, and writes the page if there has been a rotation. @returns its path from the root; undefined if none was written */
export function keepRun(
  run: { readonly rekey: DemoRun; readonly log: Source } | { readonly naive: DemoRun },
): string | undefined {
  mkdirSync(FOLDER, { recursive: true });
  for (const [name, value] of Object.entries(run))
    writeFileSync(fileOf(name), `${JSON.stringify(value, undefined, 2)}\n`);
  const [log, rekey, naive] = [kept<Source>('log'), kept<DemoRun>('rekey'), kept<DemoRun>('naive')];
  if (log === undefined || rekey === undefined) return undefined;
  const page = join(FOLDER, 'report.html');
  writeFileSync(page, reportPage(reportOf(log, undefined, Date.now()), trafficSection(rekey, naive)));
  return relative(ROOT, page);
}

function fileOf(name: string): string {
  return join(FOLDER, `${name}.json`);
}

function kept<T>(name: string): T | undefined {
  return existsSync(fileOf(name)) ? (JSON.parse(readFileSync(fileOf(name), 'utf8')) as T) : undefined;
}

/** The tokens of the rotation, and beside them those of the usual way under the same traffic. */
export function trafficSection(rekey: DemoRun, naive: DemoRun | undefined): Html {
  const runs = naive === undefined ? [rekey] : [rekey, naive];
  const row = (name: string, cell: (run: DemoRun) => string) => [name, ...runs.map(cell)];
  const services = Object.keys(rekey.byService);
  const rows = [
    row('Lasted', ({ lastedMs }) => seconds(lastedMs)),
    row('Tokens issued', ({ issued }) => count(issued)),
    row('Checks', ({ checks }) => count(checks)),
    row('Valid tokens rejected', ({ rejectedTokens }) => count(rejectedTokens)),
    row('Checks that rejected a valid token', ({ rejected }) => count(rejected)),
    row('… less than a second after it was issued', ({ rejectedYoung }) => count(rejectedYoung)),
    ...services.map((name) =>
      row(
        `… by ${name}`,
        ({ byService }) => `${count(byService[name]?.rejected ?? 0)} of ${count(byService[name]?.checks ?? 0)}`,
      ),
    ),
    row('The old key at the end', ({ oldKey }) => `accepted by ${oldKey}`),
  ];
  const heads = [
    { name: 'Under the same traffic', kind: 'row' },
    { name: 'rekey' },
    { name: 'The usual way' },
  ] as const;
  const usual =
    naive === undefined
      ? html`To see the usual way beside it, run <code>make demo NAIVE=1</code>.`
      : html`The usual way: write the new key, and restart everything.`;
  return html`<h2>Tokens</h2>
<p>The demo issued tokens all the time, and each service checked each token until it expired. ${usual}</p>
${table('Tokens', heads.slice(0, runs.length + 1), rows)}`;
}
