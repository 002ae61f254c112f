/**
 * Mistakes in what follows from a write that the API server refuses.
 */
import type { Mutant } from './mutant.ts';

const REFUSED = 'src/rotation/plan/refused.ts';
const REFUSAL = 'src/rotation/api/refusal.ts';
const MEMORY = 'src/rotation/pass/memory.ts';

export const REFUSED_MISTAKES: readonly Mutant[] = [
  {
    name: 'refused: tried again in every pass',
    patches: [{ file: REFUSED, find: 'if (refusals.length === 0 ||', replace: 'if (refusals.length >= 0 ||' }],
    check: { by: 'explore', config: 'refusedRetire', oracles: ['bounds'] },
  },
  {
    name: 'refused: no pause before the next try',
    patches: [{ file: REFUSAL, find: 'retryAt: now + pauseMs', replace: 'retryAt: now + 0 * pauseMs' }],
    check: { by: 'explore', config: 'refusedBurn', oracles: ['bounds'] },
  },
  {
    name: 'refused: nobody is told',
    patches: [{ file: REFUSED, find: '...(reported && withFinding(facts, step, reported)),', replace: '' }],
    check: { by: 'explore', config: 'refusedRetire', oracles: ['silence'] },
  },
  {
    name: 'refused: told while it is held back only',
    patches: [
      {
        file: REFUSED,
        find: 'const reported = wanted.find((refusal) => isReported(refusal, facts));',
        replace: 'const reported = held.find((refusal) => isReported(refusal, facts));',
      },
    ],
    check: { by: 'explore', config: 'refusedLeak', oracles: ['silence'] },
  },
  {
    name: 'refused: not told while the pods are asked before the next try',
    patches: [
      {
        file: REFUSED,
        find: "action.type === 'confirm' || action.type === 'probe';",
        replace: "action.type === 'confirm';",
      },
    ],
    check: { by: 'explore', config: 'refusedRetire', oracles: ['silence'] },
  },
  {
    name: 'refused: an emergency is told as any other write',
    patches: [{ file: REFUSED, find: 'if (ordered) return', replace: 'if (ordered && idle && !idle) return' }],
    check: { by: 'explore', config: 'refusedBurn', oracles: ['silence'] },
  },
  {
    name: 'refused: never tried again',
    patches: [
      {
        file: REFUSED,
        find: 'const held = wanted.filter(({ retryAt }) => now < retryAt);',
        replace: 'const held = wanted.filter(({ retryAt }) => now < retryAt + Number.MAX_SAFE_INTEGER);',
      },
    ],
    check: { by: 'explore', config: 'refusedAwhile', oracles: ['I14'] },
  },
  {
    name: 'refused: what people ask for waits as long as what was refused',
    patches: [
      {
        file: MEMORY,
        find: 'triedSoon(refusal, again)',
        replace: 'triedSoon(refusal, true)',
      },
    ],
    check: { by: 'explore', config: 'refusedPromote', oracles: ['I11'] },
  },
  {
    name: 'failed: an emergency is told as any other write',
    patches: [
      { file: REFUSED, find: 'return burns || now >= since + FAILED_MS;', replace: 'return now >= since + FAILED_MS;' },
    ],
    check: { by: 'explore', config: 'failedLeak', oracles: ['silence'] },
  },
  {
    name: 'failed: what is no emergency is never told',
    patches: [{ file: REFUSED, find: 'return burns || now >= since + FAILED_MS;', replace: 'return burns;' }],
    check: { by: 'explore', config: 'failedWrites', oracles: ['silence'] },
  },
];
