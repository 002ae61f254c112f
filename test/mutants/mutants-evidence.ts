/**
 * Mistakes in what is concluded from pods.
 */
import type { Mutant } from './mutant.ts';

const EVIDENCE = 'src/rotation/plan/evidence.ts';
const CONVERGE = 'src/rotation/plan/converge.ts';
const SETTLING = 'src/rotation/plan/settling.ts';
const STARTS = 'src/rotation/workloads/starts.ts';
const KEYSET = 'src/rotation/keyset/keyset.ts';
const POD_FACTS = 'src/rotation/observe/pod-facts.ts';
const TRANSITION = 'src/rotation/keyset/transition.ts';

const SURVEYED = 'for (const pod of target.pods) rows[judge(target, pod, holds, keyset)].push({ target, pod });';
const ACKED = 'target.pods.map((pod) => shapesHeld(target, pod, keyset)[0]?.version ?? 0)';

/** Pods are left out of sight, and of the acknowledgements. */
function overlooking(pods: string): Mutant['patches'] {
  return [
    { file: CONVERGE, find: SURVEYED, replace: SURVEYED.replace('target.pods', pods) },
    { file: EVIDENCE, find: ACKED, replace: ACKED.replace('target.pods', pods) },
  ];
}

export const EVIDENCE_MISTAKES: readonly Mutant[] = [
  {
    name: 'advance on rollout status',
    patches: [
      {
        file: EVIDENCE,
        find: 'if (target.settings.canary === undefined) return fromStart(pod, keyset);',
        replace: 'return pod.templateVersion === keyset.version ? keyset.history.slice(-1) : keyset.history;',
      },
    ],
    check: { by: 'explore', config: 'dual', oracles: ['I3'] },
  },
  {
    name: 'acks by content',
    patches: [
      {
        file: EVIDENCE,
        find: "([kid, answer]) => answer === 'unknown' ||",
        replace: "([kid, answer]) => kid.startsWith('N') || answer === 'unknown' ||",
      },
      { file: EVIDENCE, find: ACKED, replace: ACKED.replace('[0]', '.at(-1)') },
      {
        file: CONVERGE,
        find: "if (shapes.length > 0 && shapes.every(holds)) return isAnswered(target, pod, keyset) ? 'met' : 'unknown';",
        replace: "if (shapes.some(holds)) return 'met';",
      },
    ],
    check: { by: 'explore', config: 'dual', oracles: ['I4'] },
  },
  {
    name: 'acks trusted across a restart: written down before they are had',
    patches: [
      {
        file: TRANSITION,
        find: "const acked = 'acked' in write ? write.acked : keyset.acked;",
        replace:
          "const acked = write.transition === 'stage' ? { Signer: version, Verifier: version } : 'acked' in write ? write.acked : keyset.acked;",
      },
    ],
    check: { by: 'explore', config: 'dual', oracles: ['I4'] },
  },
  {
    name: 'Terminating pods ignored',
    patches: overlooking('target.pods.filter((pod) => !pod.terminating)'),
    check: { by: 'explore', config: 'dual', oracles: ['I4'] },
  },
  {
    name: 'Terminating signers ignored, seen by their tokens',
    patches: overlooking('target.pods.filter((pod) => !pod.terminating)'),
    check: { by: 'explore', config: 'dual', oracles: ['I5'] },
  },
  {
    name: 'pods of an old ReplicaSet ignored',
    patches: overlooking('target.pods.filter((pod) => pod.templateVersion === target.workload?.templateVersion)'),
    check: { by: 'explore', config: 'dual', oracles: ['I4'] },
  },
  {
    name: 'a pod missed: the list is cut off',
    patches: overlooking('target.pods.slice(-1)'),
    check: { by: 'explore', config: 'dual', oracles: ['I4'] },
  },
  {
    name: 'a pod that nobody can ask is waited for',
    patches: [
      {
        file: 'src/rotation/plan/roll.ts',
        find: '[...replaceable, ...toldByNobody(rows, keyset)]',
        replace: 'replaceable',
      },
    ],
    check: { by: 'table', row: 'untold', oracles: ['I14'] },
  },
  {
    name: 'the clocks of nodes are taken to agree with that of who wrote a foreign key',
    patches: [
      {
        file: 'src/rotation/workloads/starts.ts',
        find: 'surelyStartedBefore(start, since, lag.clockSkewMs)',
        replace: 'surelyStartedBefore(start, since, 0)',
      },
    ],
    check: { by: 'table', row: 'foreign', oracles: ['I16'] },
  },
  {
    name: 'a start while the Secret was somebody else’s proves what the pod has read',
    patches: [
      {
        file: EVIDENCE,
        find: 'if (foreign !== undefined) return [ANYTHING',
        replace: 'if (foreign !== undefined && readUpTo === undefined) return [ANYTHING',
      },
    ],
    check: { by: 'table', row: 'strangeStart', oracles: ['I18'] },
  },
  {
    name: 'unlisted consumers ignored',
    patches: [
      {
        file: 'src/rotation/plan/policies/preflight.ts',
        find: "if (settings.unlistedConsumers === 'Warn') return [];",
        replace: "if (settings.unlistedConsumers !== 'Warn') return [];",
      },
    ],
    check: { by: 'table', row: 'unlisted', oracles: ['I2'] },
  },
  {
    name: 'no answer taken for an acknowledgement',
    patches: [
      {
        file: EVIDENCE,
        find: 'const fits = (shape: Shape) =>',
        replace: `if ([...probe.answers.values()].every((answer) => answer === 'unknown')) return keyset.history.slice(-1);
          const fits = (shape: Shape) =>`,
      },
      {
        file: CONVERGE,
        find: "if (shapes.length > 0 && shapes.every(holds)) return isAnswered(target, pod, keyset) ? 'met' : 'unknown';",
        replace:
          "if (shapes.length > 0 && shapes.every(holds)) return isAnswered(target, pod, keyset) ? 'met' : 'met';",
      },
    ],
    check: { by: 'explore', config: 'silence', oracles: ['I4'] },
  },
  {
    name: 'random key not checked',
    patches: [{ file: EVIDENCE, find: "return pod.probe?.random === 'accepted';", replace: 'return false;' }],
    check: { by: 'explore', config: 'void', oracles: ['I4'] },
  },
  {
    name: 'no settle delay where nothing can be asked',
    patches: [
      {
        file: STARTS,
        find: 'startedAt - clockSkewMs) - settleMs;',
        replace: 'startedAt - clockSkewMs) - 0 * settleMs;',
      },
      {
        file: SETTLING,
        find: 'return Math.ceil((at + settleMs) / 1000) * 1000;',
        replace: 'return Math.ceil((at + 0 * settleMs) / 1000) * 1000;',
      },
    ],
    check: { by: 'explore', config: 'inferred', oracles: ['I4'] },
  },
  {
    name: 'the clock of a node taken for that of the API server',
    patches: [
      {
        file: STARTS,
        find: 'startedAt - clockSkewMs) - settleMs;',
        replace: 'startedAt - 0 * clockSkewMs) - settleMs;',
      },
    ],
    check: { by: 'explore', config: 'clocksRestart', oracles: ['I4'] },
  },
  {
    name: 'of a pod with a sidecar the youngest start taken',
    patches: [{ file: POD_FACTS, find: 'Math.min(...starts)', replace: 'Math.max(...starts)' }],
    check: { by: 'explore', config: 'sidecarUnasked', oracles: ['I4'] },
  },
  {
    name: 'a sidecar overlooked: its start does not count',
    patches: [
      {
        file: POD_FACTS,
        find: 'return readers.length > 0 ? readers : containers;',
        replace: 'return (readers.length > 0 ? readers : containers).slice(0, 1);',
      },
    ],
    check: { by: 'explore', config: 'sidecarUnasked', oracles: ['I4', 'I5'] },
  },
  {
    name: 'a sidecar of a pod that is asked overlooked',
    patches: [
      { file: EVIDENCE, find: 'if (pod.several !== true || asked', replace: 'if (pod.several !== undefined || asked' },
    ],
    check: { by: 'explore', config: 'sidecarRestart', oracles: ['I4', 'I5'] },
  },
  {
    name: 'a sidecar of a pod that nobody restarts waited for, for ever',
    patches: [
      {
        file: EVIDENCE,
        find: 'if (pod.several === true && !startedAfterWrite(pod, keyset)) return false;',
        replace: '',
      },
    ],
    check: { by: 'explore', config: 'sidecarManual', oracles: ['I14'] },
  },
  {
    name: 'no answer about a burnt key taken for a refusal',
    patches: [
      {
        file: CONVERGE,
        find: "if (shapes.length > 0 && shapes.every(holds)) return isAnswered(target, pod, keyset) ? 'met' : 'unknown';",
        replace:
          "if (shapes.length > 0 && shapes.every(holds)) return isAnswered(target, pod, keyset) ? 'met' : 'met';",
      },
    ],
    check: { by: 'explore', config: 'copyLeakSettled', oracles: ['claims', 'I6'] },
  },
  {
    name: 'a pod that has the burnt key from elsewhere called dead',
    patches: [
      {
        file: CONVERGE,
        find: "if (shapes.length > 0 && shapes.every(holds)) return isAnswered(target, pod, keyset) ? 'met' : 'unknown';",
        replace: "if (hasLoadedNewest(pod, keyset) && isAnswered(target, pod, keyset)) return 'met';",
      },
    ],
    check: { by: 'explore', config: 'copyLeakSettled', oracles: ['I6'] },
  },
  {
    name: 'that no pod is there taken for proof',
    patches: [
      {
        file: 'src/rotation/plan/replacement.ts',
        find: 'if (unseen === undefined && awaited !== undefined)',
        replace: 'if (unseen === undefined && awaited !== undefined && all < 0)',
      },
    ],
    check: { by: 'explore', config: 'copyLeakSettled', oracles: ['I6'] },
  },
  {
    name: 'stale pods replaced for as long as they are stale',
    patches: [
      {
        file: CONVERGE,
        find: 'if (isFirst) return now >= reachedAllAt(facts, keyset);',
        replace: 'if (keyset.version > 0) return now + settleMs > 0;',
      },
    ],
    check: { by: 'explore', config: 'limits', oracles: ['bounds'] },
  },
  {
    name: 'in an emergency pods replaced until they prove it',
    patches: [
      {
        file: 'src/rotation/plan/replacement.ts',
        find: '(hasSpread(facts, keyset) && startedTooEarly(row, facts, keyset) && (proved.includes(row) || isUnaskable(row))),',
        replace: 'proved.includes(row),',
      },
    ],
    check: { by: 'explore', config: 'copyLeak', oracles: ['bounds'] },
  },
  {
    name: 'history compacted by the newest acknowledgement',
    patches: [
      {
        file: KEYSET,
        find: 'Math.min(acked.Signer, acked.Verifier)',
        replace: 'Math.max(acked.Signer, acked.Verifier)',
      },
    ],
    check: { by: 'property', property: 'compact', oracles: ['I4'] },
  },
  {
    name: 'one Poss for all roles: a verifier alone holds up the retirement',
    patches: [{ file: EVIDENCE, find: '.filter((target) => target.settings.roles.includes(role))', replace: '' }],
    check: { by: 'explore', config: 'pair', oracles: ['I14'] },
  },
  {
    name: 'what was written is read otherwise',
    patches: [
      {
        file: 'src/rotation/keyset/state-records.ts',
        find: 'rotatedAt: ifDefined(rotatedAt, time),',
        replace: '',
      },
    ],
    check: { by: 'property', property: 'state', oracles: ['I10'] },
  },
];
