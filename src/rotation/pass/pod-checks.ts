/**
 * Asks pods what a person wants to know of them, and puts the answers where the status finds them. These checks decide nothing.
 */
import { ifDefined } from '../../base/objects.ts';
import type { Clock } from '../../runtime/clock.ts';
import { type ServerClock, serverTime } from '../../runtime/server-clock.ts';
import type { Actor } from '../act/act.ts';
import type { JwtKeyRotation } from '../api/names.ts';
import type { Facts } from '../facts.ts';
import { appCheckOf, canaryCheckOf } from '../requests/requests.ts';
import { isEmergency } from '../requests/urgency.ts';
import { iso } from '../schedule/duration.ts';
import type { Checks, Memory } from './memory.ts';

export interface PodCheckOptions {
  readonly actor: Pick<Actor, 'checkCanaries' | 'checkApps'>;
  readonly clock: Clock;
  readonly serverClock: Pick<ServerClock, 'time'>;
}

/**
 * Serves one request at a time, and none in an emergency, which must not wait.
 *
 * @returns the answers for the status, and in how many milliseconds the next request can be served
 */
export async function checkPods(
  options: PodCheckOptions,
  resource: JwtKeyRotation,
  facts: Facts,
  memory: Memory,
): Promise<{ readonly checks?: Checks; readonly againMs?: number }> {
  if (isEmergency(resource)) return {};
  const { clock, serverClock, actor } = options;
  const asked = requestedChecks(actor, resource, facts);
  const known = asked.filter(({ name, requestedAt }) => memory.checks[name]?.requestedAt === requestedAt);
  const checks: Checks = Object.fromEntries(known.map(({ name }) => [name, memory.checks[name]]));
  const open = asked.find((check) => !known.includes(check));
  if (open === undefined) return { checks };
  const againMs = memory.untilCheckMs(clock.monotonic());
  if (againMs > 0) return { checks, againMs };
  const found = await open.ask();
  const checkedAt = iso(serverTime(serverClock, clock).earliest);
  const answer: Checks = { [open.name]: { requestedAt: open.requestedAt, checkedAt, ...found } };
  memory.checked(answer, clock.monotonic());
  const isLast = asked.length === known.length + 1;
  return { checks: { ...checks, ...answer }, ...(!isLast && { againMs: memory.untilCheckMs(clock.monotonic()) }) };
}

function requestedChecks(actor: PodCheckOptions['actor'], resource: JwtKeyRotation, facts: Facts) {
  const namespace = resource.metadata.namespace ?? '';
  const canaries = ifDefined(canaryCheckOf(resource), (requestedAt) => {
    return { name: 'canaryCheck', requestedAt, ask: () => actor.checkCanaries(namespace, facts) } as const;
  });
  const apps = ifDefined(appCheckOf(resource), ({ requestedAt, target }) => {
    return { name: 'appCheck', requestedAt, ask: () => actor.checkApps(namespace, facts, target) } as const;
  });
  return [canaries, apps].filter((check) => check !== undefined);
}
