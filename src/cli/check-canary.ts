/**
 * `check --canary`: what each pod answers now. The operator asks, from where it always does and with the key that only it has; so
 * what is shown is what a rotation would meet, NetworkPolicies included.
 */
import type { JwtKeyRotationStatus } from '../rotation/api/types.ts';
import { ASK } from '../rotation/people/asking.ts';
import type { Operations } from '../rotation/people/operations.ts';
import { type Asked, askOperator } from './ask-operator.ts';
import type { Format } from './formats.ts';
import { columns, machineText, printResult } from './output.ts';
import { EXIT, type Exit, type Terminal } from './terminal.ts';

type Check = NonNullable<JwtKeyRotationStatus['canaryCheck']>;

/** @returns not ready unless every pod accepts the key in use and refuses a made-up one */
export async function checkCanary(
  operations: Operations,
  terminal: Terminal,
  name: string,
  output: Format | undefined,
): Promise<Exit> {
  const asked = await askCanaries(operations, terminal, name);
  if ('invalid' in asked) {
    printResult(terminal, machineText(asked.invalid, output), asked.text);
    return EXIT.notReady;
  }
  const check = asked.answer;
  printResult(terminal, machineText(check, output), checkText(check));
  return check.pods.length > 0 && check.pods.every(({ verdict }) => verdict === 'Works') ? EXIT.done : EXIT.notReady;
}

/** @throws CommandError if no target has a canary, or the operator does not answer in time */
export function askCanaries(operations: Operations, terminal: Terminal, name: string): Promise<Asked<Check>> {
  return askOperator(operations, terminal, name, (at) => ({
    patch: ASK.checkCanaries(at),
    answer: ({ status }) => (status?.canaryCheck?.requestedAt === at ? status.canaryCheck : undefined),
  }));
}

/** @returns the request, the pair of answers and the verdict, pod by pod */
export function checkText({ pods, note }: Check): string {
  const blocks = pods.map(({ target, pod, request = '', inUse, madeUp, verdict, message }) => {
    const [first = '', ...more] = request.split('\n');
    const rows = [
      ...(request === '' ? [] : [['request', first], ...more.map((line) => ['', line])]),
      ...(inUse === undefined ? [] : [['key in use', inUse]]),
      ...(madeUp === undefined ? [] : [['made-up key', madeUp]]),
      ['verdict', `${verdict}: ${message}`],
    ];
    return `${target}, pod ${pod}\n${columns(rows, '  ')}`;
  });
  return [...blocks, ...(note === undefined ? [] : [`${note}\n`])].join('\n');
}
