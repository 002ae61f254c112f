/**
 * Broken operators that show in the other ways to rotate.
 */
import { NO_PRECONDITIONS, type Patch } from '../mutants/patches.ts';
import type { Mutant } from './mutants.ts';

const patch =
  (file: string) =>
  (find: string, replace: string): Patch => ({ file: `src/rotation/${file}.ts`, find, replace });
const replacement = patch('plan/replacement');
const transition = patch('keyset/writes');

/** No pod is asked and none is deleted: it is over when it has begun. */
export const ASKS_NOBODY: readonly Patch[] = [
  replacement('return verifiers.length > 0 ? verifiers : slow;', 'return verifiers.length > 99 ? verifiers : [];'),
  replacement('if (rows.met.length < all) {', 'if (rows.met.length > all) {'),
];

export const WAY_MUTANTS: readonly Mutant[] = [
  {
    name: 'ends a cutover without a pod being asked',
    patches: ASKS_NOBODY,
    workload: 'cutover',
    trips: ['keys that were cut off are dead', 'old keys are refused everywhere'],
  },
  {
    name: 'ends a cutover when the signers are new',
    patches: [
      replacement(
        'return verifiers.length > 0 ? verifiers : slow;',
        "return verifiers.filter(({ target }) => target.settings.roles.includes('Signer'));",
      ),
      replacement('if (rows.met.length < all) {', 'if (rows.met.length < 2) {'),
    ],
    workload: 'cutover',
    trips: ['no token rejected'],
  },
  {
    name: 'cuts over outside its window',
    patches: [patch('plan/cutover')('if (!facts.window.open) return', 'if (facts.now < 0) return'), NO_PRECONDITIONS],
    workload: 'cutover',
    trips: ['a cutover waits for its window'],
  },
  {
    name: 'deletes pods that hold the fresh key as well',
    patches: [
      replacement(
        'return verifiers.length > 0 ? verifiers : slow;',
        'const early = facts.now < currentShape(keyset).writtenAt + 20_000 ? rows.met : [];\n  return [...early.filter(isSlow), ...(verifiers.length > 0 ? verifiers : slow)];',
      ),
    ],
    workload: 'cutover',
    trips: ['few restarts'],
  },
  {
    name: 'stages no key for the rotation after',
    patches: [
      transition("return write.transition === 'retire' && write.preStage === true;", 'return write === undefined;'),
    ],
    workload: 'preStage',
    trips: ['the staged key is promoted next', 'few restarts'],
  },
  {
    name: 'restarts for a lazy retirement',
    patches: [
      patch('plan/progress')("facts.settings.retireMode === 'Lazy' &&", "facts.settings.retireMode === 'Eager' &&"),
    ],
    workload: 'lazy',
    trips: ['few restarts'],
  },
  {
    name: 'leaves the old key in the Secret',
    patches: [
      transition(
        'return { sign, verify: stagesNext(write) ? [sign, freshKid] : [sign] };',
        "return { sign, verify: [sign, kidOf(keyset, 'draining')] };",
      ),
    ],
    trips: ['old keys have left the Secret'],
  },
  {
    name: 'restarts pods that read mounted files',
    patches: [
      patch('plan/requirements')(
        "holds: (shape) => shape.version === version, restart: target.settings.source === 'Env' }",
        'holds: (shape) => shape.version === version, restart: true }',
      ),
    ],
    workload: 'files',
    trips: ['few restarts'],
  },
  {
    name: 'marks pods that read no files',
    patches: [
      patch('plan/converge')(
        "filter(({ target }) => target.settings.source === 'File' && !isLeftAlone(target))",
        "filter(({ target }) => target.settings.source === 'Env')",
      ),
    ],
    trips: ['only our rights'],
  },
];
