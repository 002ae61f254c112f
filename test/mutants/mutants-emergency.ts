/**
 * Mistakes in an emergency.
 */
import type { Mutant } from './mutant.ts';

const TRANSITION = 'src/rotation/transition.ts';
const EMERGENCY = 'src/rotation/emergency.ts';

export const EMERGENCY_MISTAKES: readonly Mutant[] = [
  {
    name: 'staged key promoted in an emergency',
    patches: [
      {
        file: TRANSITION,
        find: "const keys = [record(fresh.key, 'signing', now), record(fresh.ack, 'ack', now)];",
        replace:
          "const keys = [record(keyIn(keyset, 'staged') ?? fresh.key, 'signing', now), record(fresh.ack, 'ack', now)];",
      },
      {
        file: TRANSITION,
        find: 'const shape = { version, writtenAt: now, sign: fresh.key.kid, verify: keys.map(({ kid }) => kid) };',
        replace:
          "const shape = { version, writtenAt: now, sign: keys[0]?.kid ?? '', verify: keys.map(({ kid }) => kid) };",
      },
    ],
    check: { by: 'explore', config: 'leak', oracles: ['I6'] },
  },
  {
    name: 'emergency over without an answer of every pod',
    patches: [
      {
        file: EMERGENCY,
        find: 'if (asked.length > 0) return',
        replace: 'if (asked.length > 99) return',
      },
      { file: EMERGENCY, find: 'if (rows.met.length < all) {', replace: 'if (rows.met.length > all) {' },
    ],
    check: { by: 'explore', config: 'leak', oracles: ['I6'] },
  },
  {
    name: 'emergency served again and again',
    patches: [
      {
        file: TRANSITION,
        find: 'handled: { ...keyset.handled, emergencies: [...(keyset.handled.emergencies ?? []), nonce].slice(-MAX_NONCES) },',
        replace: 'handled: keyset.handled,',
      },
    ],
    check: { by: 'explore', config: 'leak', oracles: ['I15'] },
  },
];
