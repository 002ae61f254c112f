/**
 * `env check`: the same judgment for CI, and for a commit.
 */
import { loadConfig } from '../../env/config.ts';
import { checkStaged } from '../../env/staged.ts';
import { machineText } from '../output.ts';
import { EXIT, type Exit } from '../terminal.ts';
import type { EnvContext, EnvOutput } from './commands.ts';
import { look, refuseUnknown } from './look.ts';
import { assessmentRecord, countText, findingsText, hasErrors } from './report.ts';

/** @returns failed if there is an error, or nothing of the environment that was asked for is here */
export async function check(
  context: EnvContext,
  environment: string | undefined,
  { output }: EnvOutput,
): Promise<Exit> {
  const { terminal, width } = context;
  const { assessment } = await look(context, environment);
  const { rows, findings } = assessment;
  const isAbsent = environment !== undefined && findings.some(({ reason }) => reason === 'EnvironmentAbsent');
  const machine = machineText(assessmentRecord(assessment), output);
  const files = `${rows.length} ${rows.length === 1 ? 'file' : 'files'}`;
  terminal.print(machine ?? `${findingsText(findings, width)}${files} of services: ${countText(findings)}\n`);
  return hasErrors(findings) || isAbsent ? EXIT.failed : EXIT.done;
}

/** @returns failed if a key is staged */
export async function checkStage(
  { terminal, folder, width }: EnvContext,
  environment: string | undefined,
  { output }: EnvOutput,
): Promise<Exit> {
  const config = await loadConfig(folder);
  if (environment !== undefined) refuseUnknown(config, environment);
  const { findings, files, keys } = await checkStaged(config, folder, environment);
  const searched = `${files} staged ${files === 1 ? 'file' : 'files'}, ${keys} known ${keys === 1 ? 'key' : 'keys'}`;
  const text = `${findingsText(findings, width)}${searched}: ${findings.length === 0 ? 'no key is staged' : countText(findings)}\n`;
  terminal.print(machineText({ files, keys, findings }, output) ?? text);
  return hasErrors(findings) ? EXIT.failed : EXIT.done;
}
