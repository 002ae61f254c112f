/**
 * Mistakes in what is written, and when: the safe-write rule, the transitions, the order of phases.
 */
import type { Mutant } from './mutant.ts';
import { NO_PRECONDITIONS } from './patches.ts';

const SAFE_WRITE = 'src/rotation/plan/safe-write.ts';
const TRANSITION = 'src/rotation/keyset/transition.ts';
const WRITES = 'src/rotation/keyset/writes.ts';
const PENDING = 'src/rotation/plan/pending.ts';
const PROGRESS = 'src/rotation/plan/progress.ts';
const SETTLING = 'src/rotation/plan/settling.ts';
const PLAN = 'src/rotation/plan/plan.ts';
const STEADY = 'src/rotation/plan/steady.ts';
const GUARD = 'src/rotation/plan/write-gate.ts';

/** The guard would withhold what the mistake leads to: here it is asked whether the mistake is seen without it. */
const UNGUARDED = {
  file: SAFE_WRITE,
  find: 'return [...w1(signers, verifiers, next), ...w2(keyset, signers, next, life)];',
  replace: 'return [];',
};

export const RULE: readonly Mutant[] = [
  {
    name: 'one-step A to B',
    patches: [
      UNGUARDED,
      {
        file: WRITES,
        find: 'return { sign, verify: [sign, freshKid, ...found] };',
        replace: 'return { sign: freshKid, verify: [freshKid] };',
      },
    ],
    check: { by: 'explore', config: 'dual', oracles: ['I1'] },
  },
  {
    name: 'current and previous in one step',
    patches: [
      UNGUARDED,
      {
        file: WRITES,
        find: 'return { sign, verify: [sign, freshKid, ...found] };',
        replace: 'return { sign: freshKid, verify: [freshKid, sign] };',
      },
    ],
    check: { by: 'explore', config: 'dual', oracles: ['I1'] },
  },
  {
    name: 'one step, seen at the write',
    patches: [
      UNGUARDED,
      {
        file: WRITES,
        find: 'return { sign, verify: [sign, freshKid, ...found] };',
        replace: 'return { sign: freshKid, verify: [freshKid, sign] };',
      },
    ],
    check: { by: 'explore', config: 'dual', oracles: ['I3'] },
  },
  {
    name: 'W1 removed',
    patches: [{ ...UNGUARDED, replace: 'return w2(keyset, signers, next, life);' }],
    check: { by: 'property', property: 'safe writes', oracles: ['I1'] },
  },
  {
    name: 'W2 removed',
    patches: [{ ...UNGUARDED, replace: 'return w1(signers, verifiers, next);' }],
    check: { by: 'property', property: 'safe writes', oracles: ['I2'] },
  },
  {
    name: 'retire timer from the write',
    patches: [
      {
        file: TRANSITION,
        find: 'keys: drainFrom(keyset.keys, now),',
        replace: 'keys: drainFrom(keyset.keys, currentShape(keyset).writtenAt),',
      },
    ],
    check: { by: 'explore', config: 'dual', oracles: ['I2'] },
  },
  {
    name: 'drain shortened by an edit of the spec',
    patches: [
      {
        file: GUARD,
        find: 'return Math.max(facts.settings.drainMs, keyset.rotation?.drainMs ?? 0);',
        replace: 'return facts.settings.drainMs;',
      },
    ],
    check: { by: 'explore', config: 'shorten', oracles: ['I5'] },
  },
  {
    name: 'live confirm skipped',
    patches: [
      {
        file: GUARD,
        find: "if (!facts.live) return { action: confirm, phase, progress: 'confirming' };",
        replace: "if (facts.live && facts.settings.suspend) return { action: confirm, phase, progress: '' };",
      },
      {
        file: GUARD,
        find: "if (!facts.live) return { action: { type: 'confirm' }, phase, progress: 'confirming' };",
        replace:
          "if (facts.live && facts.settings.suspend) return { action: { type: 'confirm' }, phase, progress: '' };",
      },
    ],
    check: { by: 'explore', config: 'stale', oracles: ['I4'] },
  },
  {
    name: 'no wait for nodes that lag behind',
    patches: [{ file: GUARD, find: 'if (facts.now < settled) {', replace: 'if (facts.now < settled - 1e9) {' }],
    check: { by: 'explore', config: 'lagging', oracles: ['I3'] },
  },
  {
    name: 'window ignored',
    patches: [
      {
        file: PROGRESS,
        find: "if (!facts.window.open) return outsideWindow(facts.window, 'Staged', 'staged everywhere');",
        replace: '',
      },
    ],
    check: { by: 'explore', config: 'window', oracles: ['I13'] },
  },
  {
    name: 'abort after promote drops the key that signs',
    patches: [
      UNGUARDED,
      {
        file: PROGRESS,
        find: "if (keyset.phase === 'Staging')\n    return",
        replace: "if (keyset.phase === 'Staging' || keyset.phase === 'Promoting')\n    return",
      },
    ],
    check: { by: 'explore', config: 'dual', oracles: ['I5'] },
  },
  {
    name: 'abort waits for the rollout',
    patches: [
      {
        file: PLAN,
        find: 'if (aborting !== undefined) return aborting;',
        replace:
          'if (aborting !== undefined && facts.targets.every(({ workload }) => workload?.rolledOut)) return aborting;',
      },
    ],
    check: { by: 'explore', config: 'dual', oracles: ['I11'] },
  },
  {
    name: 'verifiers restart before the abort has reached every node',
    patches: [{ file: SETTLING, find: "&& keyset.phase !== 'Aborting';", replace: ';' }],
    check: { by: 'explore', config: 'cutoverSpared', oracles: ['I11'] },
  },
  {
    name: 'stale signer while draining ignored',
    patches: [
      {
        file: PROGRESS,
        find: 'if (lastSignerExit === undefined || late) {',
        replace: 'if (lastSignerExit === undefined) {',
      },
    ],
    check: { by: 'table', row: 'reopen', oracles: ['I5'] },
  },
  {
    name: 'second rotation begun while one is under way',
    patches: [
      {
        file: PROGRESS,
        find: 'const unfit = unfitVerifier(requirements, rows, keyset, facts.settleMs);',
        replace: `if (facts.requests.rotateAt !== keyset.handled.rotateAt && keyset.rotation) {
          const handled = { ...keyset.handled, rotateAt: facts.requests.rotateAt ?? '' };
          const write = { transition: 'stage', acked: keyset.acked, handled, rotation: keyset.rotation } as const;
          return guarded(facts, keyset, write, 'Staging');
        }
        const unfit = unfitVerifier(requirements, rows, keyset, facts.settleMs);`,
      },
    ],
    check: { by: 'explore', config: 'again', oracles: ['I15'] },
  },
  {
    name: 'handled marker not written',
    patches: [
      {
        file: PENDING,
        find: '...(rotateAt !== undefined && !isBack && { rotateAt }),',
        replace: '',
      },
    ],
    check: { by: 'explore', config: 'again', oracles: ['I15'] },
  },
  {
    name: 'annotation trigger lost: only the first request is served',
    patches: [
      {
        file: PENDING,
        find: 'rotateAt !== handled.rotateAt',
        replace: 'handled.rotateAt === undefined',
      },
    ],
    check: { by: 'explore', config: 'again', oracles: ['I14'] },
  },
  {
    name: 'what is queued begins after an abort',
    patches: [
      {
        file: PROGRESS,
        find: 'const withdrawn = withdrawing(facts, keyset.handled);',
        replace: 'const withdrawn = { handled: keyset.handled };',
      },
    ],
    check: { by: 'explore', config: 'dual', oracles: ['I15'] },
  },
  {
    name: 'a request that was withdrawn begins a rotation',
    patches: [
      {
        file: PENDING,
        find: ' && rotateAt !== withdrawn?.rotateAt',
        replace: '',
      },
    ],
    check: { by: 'explore', config: 'dual', oracles: ['I15'] },
  },
  {
    name: 'edge-triggered: a request is remembered in the process',
    patches: [
      {
        file: STEADY,
        find: 'const wanted = wantedRotation(facts, keyset);',
        replace: 'const wanted = SEEN.has(facts.requests.rotateAt) ? undefined : wantedRotation(facts, keyset);',
      },
      {
        file: STEADY,
        find: 'function begin(facts: Facts, keyset: Keyset, start: RotationStart): Step {',
        replace: `const SEEN = new Set<string | undefined>();
          function begin(facts: Facts, keyset: Keyset, start: RotationStart): Step {
          SEEN.add(facts.requests.rotateAt);`,
      },
    ],
    check: { by: 'explore', config: 'dual', oracles: ['I14'] },
  },
  {
    name: 'foreign content adopted',
    patches: [
      {
        file: PLAN,
        find: "if (secret.kind === 'Refused') return rest(facts, secret.finding.reason, secret.finding.message);",
        replace:
          "if (secret.kind === 'Refused') return planAdopt(facts, { kind: 'Unmanaged', fingerprint: '', fallbacks: [] });",
      },
      NO_PRECONDITIONS,
    ],
    check: { by: 'explore', config: 'dual', oracles: ['I16'] },
  },
  {
    name: 'keys found at adoption dropped at once',
    patches: [
      {
        file: WRITES,
        find: 'return { sign, verify: currentShape(keyset).verify };',
        replace: 'return { sign, verify: [sign] };',
      },
    ],
    check: { by: 'explore', config: 'found', oracles: ['I5'] },
  },
  {
    name: 'found keys dropped by stage, while signers may use them',
    patches: [{ file: WRITES, find: 'verify: [sign, freshKid, ...found]', replace: 'verify: [sign, freshKid]' }],
    check: { by: 'explore', config: 'foundHalf', oracles: ['claims'] },
  },
];
