/**
 * Mistakes in the other ways to rotate: cutover, pre-staged keys, lazy retirement, mounted files.
 */
import type { Mutant } from './mutant.ts';
import { OVER_TOO_EARLY } from './mutants-emergency.ts';
import { NO_PRECONDITIONS } from './patches.ts';

const CUTOVER = 'src/rotation/plan/cutover.ts';
const STEADY = 'src/rotation/plan/steady.ts';
const PROGRESS = 'src/rotation/plan/progress.ts';
const CONVERGE = 'src/rotation/plan/converge.ts';

export const WAY_MISTAKES: readonly Mutant[] = [
  {
    name: 'cutover outside a window',
    patches: [
      { file: CUTOVER, find: 'if (!facts.window.open)', replace: 'if (facts.window === undefined)' },
      NO_PRECONDITIONS,
    ],
    check: { by: 'explore', config: 'cutover', oracles: ['I13'] },
  },
  {
    name: 'cutover although every service can hold two keys',
    patches: [
      {
        file: STEADY,
        find: "if (unfit?.blocked?.reason === 'SingleKeyService' && mayCutOver(facts))",
        replace: 'if (mayCutOver(facts))',
      },
    ],
    check: { by: 'explore', config: 'cutoverSpared', oracles: ['I2'] },
  },
  {
    name: 'cutover over before every pod has followed',
    patches: OVER_TOO_EARLY,
    check: { by: 'explore', config: 'cutoverPair', oracles: ['I6'] },
  },
  {
    name: 'pre-staged key promoted outside a window',
    patches: [
      {
        file: STEADY,
        find: "if (!facts.window.open) return outsideWindow(facts.window, phase, 'staged everywhere');",
        replace: '',
      },
    ],
    check: { by: 'explore', config: 'preStage', oracles: ['I13'] },
  },
  {
    name: 'lazy retirement counted as acknowledged',
    patches: [
      {
        file: PROGRESS,
        find: "return step ?? confirmed(facts, keyset, (acked) => ({ transition: 'finish', acked, outcome, inferred }), 'Retiring');",
        replace:
          "const all = { Signer: keyset.version, Verifier: keyset.version };\n  return step ?? confirmed(facts, keyset, () => ({ transition: 'finish', acked: all, outcome, inferred }), 'Retiring');",
      },
    ],
    check: { by: 'explore', config: 'lazy', oracles: ['I4'] },
  },
  {
    name: 'mounted files taken for read when the pod is marked',
    patches: [
      {
        file: CONVERGE,
        find: "if (target.settings.source === 'File') return hasLoadedNewest(pod, keyset) ? 'unfit' : 'leaving';",
        replace:
          "if (target.settings.source === 'File') return pod.templateVersion === keyset.version ? 'met' : 'leaving';",
      },
      {
        file: 'src/rotation/plan/evidence.ts',
        find: 'const oldest = targets\n',
        replace:
          "if (targets.every((t) => t.settings.source === 'File' && t.pods.every((p) => p.templateVersion === keyset.version))) return keyset.version;\n  const oldest = targets\n",
      },
    ],
    check: { by: 'explore', config: 'file', oracles: ['I4'] },
  },
  {
    name: 'of a service that knows one previous key the answers alone are believed',
    patches: [
      {
        file: 'src/rotation/plan/evidence.ts',
        find: '.filter((shape) => started.includes(shape))',
        replace: '.filter((shape, i, all) => started.length > 0 && i === all.length - 1)',
      },
    ],
    check: { by: 'explore', config: 'previous', oracles: ['I4'] },
  },
  {
    name: 'an emergency asks a service of one key for the ack key',
    patches: [
      {
        file: 'src/rotation/plan/evidence.ts',
        find: "return !replaced || kid !== keyIn(keyset, 'ack')?.kid;",
        replace: 'return replaced || !replaced;',
      },
    ],
    check: { by: 'explore', config: 'leakUnfit', oracles: ['I14'] },
  },
];
