/**
 * `check --canary`: what each pod answers now. The operator asks, from where it always does and with the key that only it has; so
 * what is shown is what a rotation would meet, NetworkPolicies included.
 */
import type { JwtKeyRotation } from '../rotation/api/names.ts';
import type { JwtKeyRotationStatus } from '../rotation/api/types.ts';
import { ASK } from '../rotation/people/asking.ts';
import type { Operations } from '../rotation/people/operations.ts';
import { specFindings } from '../rotation/settings/spec-checks.ts';
import { ask } from './leader.ts';
import { columns, machineText } from './output.ts';
import { obstaclesText } from './plan-text.ts';
import type { Format } from './program.ts';
import { conditionOf } from './status.ts';
import { CommandError, EXIT, type Exit, type Terminal } from './terminal.ts';

type Check = NonNullable<JwtKeyRotationStatus['canaryCheck']>;

/** The operator gives a pod some seconds, and asks many at once. */
const TIMEOUT_MS = 60_000;

/** @returns not ready unless every pod tells the key in use from a made-up one */
export async function checkCanary(
  operations: Operations,
  terminal: Terminal,
  name: string,
  output: Format | undefined,
): Promise<Exit> {
  const resource = await operations.get(name);
  const invalid = specFindings(resource.spec);
  if (invalid.length > 0) {
    terminal.print(machineText(invalid, output) ?? obstaclesText(invalid));
    return EXIT.notReady;
  }
  if (resource.spec.targets.every(({ canary }) => canary === undefined)) {
    throw new CommandError(`${name}: no target has a canary; declare one in spec.targets[].canary`, EXIT.failed);
  }
  const at = new Date(terminal.now()).toISOString();
  await ask(operations, terminal, name, ASK.checkCanaries(at));
  let last = resource;
  const answered = (current: JwtKeyRotation) => {
    last = current;
    return current.status?.canaryCheck?.requestedAt === at ? current.status.canaryCheck : undefined;
  };
  const check = await operations.follow(name, answered, TIMEOUT_MS);
  if (check === undefined) throw new CommandError(silentText(last), EXIT.notReady);
  terminal.print(machineText(check, output) ?? checkText(check));
  return check.pods.length > 0 && check.pods.every(({ verdict }) => verdict === 'Works') ? EXIT.done : EXIT.notReady;
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

function silentText(resource: JwtKeyRotation): string {
  const { name } = resource.metadata;
  const ready = conditionOf(resource, 'Ready');
  const says = ready?.status === 'False' ? `; it reports ${ready.reason}: ${ready.message}` : '';
  return `${name}: the operator has not asked the pods within ${TIMEOUT_MS / 1000} s${says}. It asks when it can: kubectl rekey status ${name}`;
}
