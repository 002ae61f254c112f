/**
 * I1 to I17 in worlds that are too large to be explored.
 */
import fc from 'fast-check';
import { type Config, faults } from '../explore/config.ts';
import { moves, type Nothing } from './commands.ts';
import { COMMANDS, settings } from './settings.ts';
import { Walk } from './walk.ts';

export const WORLD: Config = {
  name: 'property',
  targets: [
    { name: 'main', roles: ['Signer', 'Verifier'], replicas: 2, canary: true },
    { name: 'admin', roles: ['Verifier'], replicas: 1, canary: true },
    { name: 'minter', roles: ['Signer'], replicas: 1, canary: false },
  ],
  nodes: 3,
  maxPods: 4,
  rotations: 2,
  aborts: 2,
  emergencies: 2,
  nodeLag: 'settle',
  tickMs: 30_000,
  drainTicks: 4,
  faults: faults('restart', 'statusLag', 'scale', 'revert', 'window', 'silence', 'zombie', 'staleCache', 'shorten'),
};

/** @throws with the shortest failure that was found */
export function rotationsAreSafe(runs: number, config: Config = WORLD, oracles?: readonly string[]): void {
  const commands = fc.commands<Nothing, Walk>(moves(), { maxCommands: 100, size: 'max', ...COMMANDS });
  fc.assert(
    fc.property(commands, (moved) => {
      const model: Nothing = {};
      const walk = new Walk(config, oracles);
      fc.modelRun(() => ({ model, real: walk }), moved);
      walk.finish();
    }),
    settings(runs),
  );
}
