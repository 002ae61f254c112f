/** `validate-app NAME`: the operator asks one pod of each target, since it has the keys, which a person need not have. */
import { defined } from '../../base/objects.ts';
import type { JwtKeyRotationStatus } from '../../rotation/api/types.ts';
import { type Judged, judged, withUnsent } from '../../rotation/conformance/judge.ts';
import { answersIn } from '../../rotation/conformance/kept.ts';
import { ASK, isAppCheckOf } from '../../rotation/people/asking.ts';
import type { Operations } from '../../rotation/people/operations.ts';
import { askOperator } from '../ask-operator.ts';
import type { Format } from '../formats.ts';
import { machineText, printResult } from '../output.ts';
import { CommandError, EXIT, type Exit, type Terminal, worst } from '../terminal.ts';
import { exitOf } from './service.ts';
import { type Validated, validatedRecord, validatedText } from './text.ts';

type AppCheck = NonNullable<JwtKeyRotationStatus['appCheck']>;

export interface TargetFlags {
  readonly output?: Format;
  readonly strict?: boolean;
  readonly target?: string;
}

/** @returns failed if one is unfit, not ready if that is unknown for one, or none was asked */
export async function validateTargets(
  operations: Operations,
  terminal: Terminal,
  name: string,
  { output, strict = false, target }: TargetFlags,
): Promise<Exit> {
  if (target !== undefined && !/^[A-Z][A-Za-z]+\/[a-z0-9.-]+$/.test(target)) {
    throw new CommandError(`--target ${target}: write KIND/NAME, such as Deployment/api`, EXIT.usage);
  }
  const check = await askOperator(operations, terminal, name, (at) => ({
    patch: ASK.checkApps(at, target),
    answer: ({ status }) => (isAppCheckOf(status?.appCheck?.requestedAt, at, target) ? status?.appCheck : undefined),
  }));
  if ('invalid' in check) {
    printResult(terminal, machineText(check.invalid, output), check.text);
    return EXIT.notReady;
  }
  const { pods, note } = check.answer;
  const shown = pods.map(validatedPod);
  const record = { ...defined({ note }), targets: shown.map((each) => validatedRecord(each, strict)) };
  const text = [...shown.map((each) => validatedText(each, strict)), ...(note === undefined ? [] : [`${note}\n`])];
  printResult(terminal, machineText(record, output), text.join('\n'));
  const isLeftOut = note !== undefined || pods.length === 0;
  return worst([...shown.map(({ rows }) => exitOf(rows, strict)), ...(isLeftOut ? [EXIT.notReady] : [])]);
}

/** The operator reports the answers, and the same rules judge them here. */
function validatedPod(checked: AppCheck['pods'][number]): Validated {
  const { target, pod, request, message } = checked;
  const answers = answersIn(checked);
  const rows: readonly Judged[] = answers.length === 0 ? [] : judged(withUnsent(answers));
  return { who: `${target}, pod ${pod}`, request: request ?? message ?? '', rows };
}
