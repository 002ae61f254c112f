/**
 * `env status`: the keys of all services and environments at a glance.
 */
import { drainMsOf } from '../../env/env-config.ts';
import { shellWord } from '../../env/finding.ts';
import { type UnderWay, underWayIn } from '../../env/under-way.ts';
import { machineText, when } from '../output.ts';
import { EXIT, type Exit } from '../terminal.ts';
import type { EnvContext, EnvOutput } from './commands.ts';
import { look } from './look.ts';
import { assessmentRecord, countText, findingsText, hasErrors, tableText } from './report.ts';
import { leavingText } from './text.ts';

/** @returns notReady if there is an error */
export async function status(
  context: EnvContext,
  environment: string | undefined,
  { output }: EnvOutput,
): Promise<Exit> {
  const { terminal, width, folder } = context;
  const { assessment, config } = await look(context, environment);
  const { rows, findings } = assessment;
  const exit = hasErrors(findings) ? EXIT.notReady : EXIT.done;
  const shown = [...new Set(rows.map((row) => row.environment))];
  const underWay = await underWayIn(config.root, shown, drainMsOf(config));
  const machine = machineText({ ...assessmentRecord(assessment), underWay: underWay.map(underWayRecord) }, output);
  if (machine !== undefined) {
    terminal.print(machine);
    return exit;
  }
  const source = config.found ? 'rekey.yaml' : 'found without rekey.yaml; write it with: rekey env init';
  terminal.print(`${config.root} (${source})\n\n`);
  if (rows.length > 0) terminal.print(`${tableText(rows, terminal.now(), width)}\n`);
  for (const each of underWay) terminal.print(underWayText(each, terminal.now()));
  terminal.print(`${countText(findings)}\n${findings.length === 0 ? '' : '\n'}${findingsText(findings, width)}`);
  const isElsewhere = findings.some(({ fix }) => fix !== undefined) && folder !== config.root;
  if (isElsewhere) terminal.printErr(`paths and commands are from ${config.root}\n`);
  return exit;
}

function underWayText({ environment, phase, back, until }: UnderWay, now: number): string {
  const what = `${environment}: ${phase === 'Burning' ? 'an emergency' : 'a rotation'} is under way (${phase}${back ? ', going back' : ''})`;
  const rest = until === undefined ? '' : `; ${leavingText(back)} stays accepted until ${when(until, now)}`;
  return `${what}${rest}\n    $ rekey env continue ${shellWord(environment)}\n\n`;
}

function underWayRecord({ until, ...rest }: UnderWay): object {
  return { ...rest, ...(until !== undefined && { until: new Date(until).toISOString() }) };
}
