/**
 * `validate-app URL`: asks a service at an address, from this machine.
 */
import { fitness, type Judged } from '../../rotation/conformance/judge.ts';
import { judgeService } from '../../rotation/conformance/service.ts';
import type { ServiceKeys } from '../../rotation/conformance/tokens.ts';
import { requestText } from '../../rotation/secret/canary-request.ts';
import type { Asked } from '../../rotation/secret/canary-sender.ts';
import type { Format } from '../formats.ts';
import { machineText, printResult } from '../output.ts';
import { EXIT, type Exit, type Terminal } from '../terminal.ts';
import { type Validated, validatedRecord, validatedText } from './text.ts';

/** @param keys are overwritten afterwards */
export async function validateService(
  terminal: Terminal,
  asked: Asked,
  keys: ServiceKeys,
  { output, strict = false }: { readonly output?: Format; readonly strict?: boolean },
): Promise<Exit> {
  const rows = await judgeService(asked, keys);
  const validated: Validated = { request: requestText(asked.url, asked.form), rows };
  printResult(terminal, machineText(validatedRecord(validated, strict), output), validatedText(validated, strict));
  return exitOf(rows, strict);
}

/** @returns failed if it is unfit, not ready if that is unknown */
export function exitOf(rows: readonly Judged[], strict: boolean): Exit {
  const exits = { Fit: EXIT.done, Unfit: EXIT.failed, Unknown: EXIT.notReady } as const;
  return exits[fitness(rows, strict)];
}
