/**
 * Mistakes in an emergency.
 */
import type { Mutant } from './mutant.ts';
import type { Patch } from './patches.ts';

const REPLACE = 'src/rotation/keyset/replace.ts';
const REPLACEMENT = 'src/rotation/plan/replacement.ts';

/** Nobody is asked, and nobody is waited for. */
export const OVER_TOO_EARLY: readonly Patch[] = [
  { file: REPLACEMENT, find: 'if (asked.length > 0) return', replace: 'if (asked.length > 99) return' },
  { file: REPLACEMENT, find: 'if (rows.met.length < all) {', replace: 'if (rows.met.length > all) {' },
];

export const EMERGENCY_MISTAKES: readonly Mutant[] = [
  {
    name: 'staged key promoted in an emergency',
    patches: [
      {
        file: REPLACE,
        find: "...replaced(keyset, fresh, now),\n    phase: 'Burning',",
        replace:
          "...replaced(keyset, { ...fresh, key: keyset.keys.find(({ state }) => state === 'staged') ?? fresh.key }, now),\n    phase: 'Burning',",
      },
    ],
    check: { by: 'explore', config: 'leak', oracles: ['I6'] },
  },
  {
    name: 'emergency over without an answer of every pod',
    patches: OVER_TOO_EARLY,
    check: { by: 'explore', config: 'leak', oracles: ['I6'] },
  },
  {
    name: 'emergency served again and again',
    patches: [
      {
        file: REPLACE,
        find: 'handled: { ...keyset.handled, emergencies: [...(keyset.handled.emergencies ?? []), nonce].slice(-MAX_NONCES) },',
        replace: 'handled: keyset.handled,',
      },
    ],
    check: { by: 'explore', config: 'leak', oracles: ['I15'] },
  },
];
