/**
 * A backup of the Secret from any moment of any walk, put back at the end of it: the ledger knows it as one, nothing is
 * written over it, no emergency is served twice, and a new one goes on above every version that there was.
 */
import fc from 'fast-check';
import { checkedAgainstLedger } from '../../src/rotation/audit/against-ledger.ts';
import type { Keyset } from '../../src/rotation/keyset/keyset.ts';
import { decodeLedger, EMPTY_LEDGER, encodeLedger, recorded } from '../../src/rotation/keyset/ledger.ts';
import { plan } from '../../src/rotation/plan/plan.ts';
import type { Config } from '../explore/config.ts';
import { factsOf } from '../explore/facts.ts';
import { initialWorld } from '../explore/world.ts';
import { moves, type Nothing } from './commands.ts';
import { COMMANDS, settings } from './settings.ts';
import { Walk } from './walk.ts';

const NAMES = { secretName: 'jwt', ledgerName: 'jwt-rekey' };

/**
 * @returns how many backups were put back
 * @throws with the shortest failure that was found
 */
export function backupsAreKnown(runs: number, config: Config): number {
  const commands = fc.commands<Nothing, Walk>(moves(), { maxCommands: 100, size: 'max', ...COMMANDS });
  let checked = 0;
  fc.assert(
    fc.property(commands, (moved) => {
      const model: Nothing = {};
      const walk = new Walk(config, []);
      fc.modelRun(() => ({ model, real: walk }), moved);
      checked += putBack(config, walk.written());
    }),
    settings(runs),
  );
  return checked;
}

function putBack(config: Config, written: readonly Keyset[]): number {
  const folded = written.reduce((ledger, keyset, i) => recorded(ledger, keyset, i), EMPTY_LEDGER);
  const ledger = decodeLedger(encodeLedger(folded));
  const last = written.at(-1);
  const backups = written.filter(({ version }) => version < (last?.version ?? 0));
  const world = factsOf(config, initialWorld(config), true);
  const taken = (keyset: Keyset) => checkedAgainstLedger(ledger, { kind: 'Managed', keyset }, NAMES);
  if (last !== undefined && taken(last).kind !== 'Managed') throw new Error(`version ${last.version} is the last one`);
  for (const keyset of backups) {
    const facts = { ...world, ledger, secret: taken(keyset) };
    const what = `version ${keyset.version} after ${last?.version}`;
    const { action, blocked, stalled } = plan(facts);
    if (action.type !== 'wait') throw new Error(`${what}: ${action.type}`);
    if ((blocked ?? stalled)?.reason !== 'KeyResurrected') throw new Error(`${what}: nothing is told`);
    for (const nonce of last?.handled.emergencies ?? []) {
      const again = plan({ ...facts, requests: ordered(nonce) }).action;
      if (again.type !== 'wait') throw new Error(`${what}: emergency ${nonce} is served again`);
    }
    const { action: served } = plan({ ...facts, requests: ordered('new') });
    if (served.type !== 'write' || served.write.transition !== 'burn') throw new Error(`${what}: no emergency`);
    if ((served.write.version ?? 0) < ledger.version) throw new Error(`${what}: goes on from ${served.write.version}`);
  }
  return backups.length;
}

function ordered(nonce: string) {
  return { emergency: { nonce, reason: 'leak', actor: 'user', handled: false } };
}
