/** Questions that the findings of the operator and of `check` answer. Each finding belongs to one question. */
import { isPassing, type Reason } from '../../rotation/api/finding.ts';
import { settingsOf } from '../../rotation/settings/settings.ts';
import { conditionOf, isSeen, UNSEEN } from '../status.ts';
import { type Asked, answer, type Check, type DoctorFacts } from './check.ts';

interface Topic extends Asked {
  /** Findings with these reasons answer the question with a problem. */
  readonly reasons: readonly string[];
  readonly remedy: string;
}

const RUNBOOK = 'docs/runbook.md has a section for each reason';
const CHECK = 'kubectl rekey check lists what is in the way and what to write instead';

const TOPICS = {
  keys: {
    id: 'keys',
    question: 'Do all services have the key in the Secret?',
    reasons: [
      'CanaryRefused',
      'CanaryVoid',
      'PodStale',
      'KeysDiffer',
      'KeyResurrected',
      'ForeignWriter',
      'KeyNotFound',
    ],
    remedy: `kubectl rekey check --canary shows what each pod answers; ${RUNBOOK}`,
  },
  fallbacks: {
    id: 'fallbacks',
    question: 'Does every verifier accept the fallbacks?',
    reasons: ['SingleKeyService'],
    remedy: 'use a keyring library, the preload or a layout: docs/services.md; kubectl rekey validate-app proves it',
  },
  algorithm: {
    id: 'algorithm',
    question: 'Do all use the algorithm of the spec?',
    reasons: ['AlgorithmDiffers'],
    remedy: 'set spec.key.algorithm to what the services use, or change the services',
  },
  variables: {
    id: 'variables',
    question: 'Do the variables get the key, or does something hide it?',
    reasons: ['LiteralInManifest', 'ShadowedBy', 'NotConsumed'],
    remedy: `remove what hides the variable from the pod template; ${CHECK}`,
  },
  defaults: {
    id: 'defaults',
    question: 'Does a service have a key from elsewhere, such as a default in its code?',
    reasons: ['TargetNotConsuming', 'KeyStillAccepted'],
    remedy: 'look for a default in the code, a file in the image, a second source; let it start only with the variable',
  },
  consumers: {
    id: 'consumers',
    question: 'Does anybody else use the Secret?',
    reasons: ['UnlistedConsumer'],
    remedy: 'list it in spec.targets, or let it take only what it needs (docs/runbook.md, UnlistedConsumer)',
  },
  strength: {
    id: 'strength',
    question: 'Is the key strong, and used in one place only?',
    reasons: ['KeyCopied', 'KeyMalformed', 'KeyIdUnusable'],
    remedy: 'rotate it: kubectl rekey rotate; the new key is random',
  },
  answers: {
    id: 'answers',
    question: 'Can the pods be asked?',
    reasons: ['CanaryMissing', 'CanaryUnanswered', 'InvalidCanary'],
    remedy: 'docs/services/canary.md has recipes; kubectl rekey check --canary shows request and answer',
  },
} as const satisfies Readonly<Record<string, Topic>>;

export type TopicName = keyof typeof TOPICS;

/** These have questions of their own in from-looks.ts. */
const ELSEWHERE = ['NobodyLeads', 'ClockSkew'];

const REST: Asked = { id: 'others', question: 'Is anything else in the way of a rotation?' };

/** @returns one answer for each topic, and one for the other findings */
export function findingChecks(facts: DoctorFacts): readonly Check[] {
  const known = Object.values(TOPICS).flatMap(({ reasons }): readonly string[] => reasons);
  const rest = facts.obstacles.filter(({ reason }) => ![...known, ...ELSEWHERE].includes(reason));
  return [
    ...Object.keys(TOPICS).map((name) => topicCheck(name as TopicName, facts)),
    rest.some(({ reason }) => !isPassing({ reason: reason as Reason, message: '' }))
      ? answer(REST, 'Problem', evidenceOf(rest), `${CHECK}; ${RUNBOOK}`)
      : isSeen(facts.resource)
        ? answer(REST, 'Ok', rest.length > 0 ? evidenceOf(rest) : 'nothing, as far as the operator and you can see')
        : answer(REST, 'Unknown', UNSEEN),
  ];
}

function topicCheck(name: TopicName, facts: DoctorFacts): Check {
  const { reasons, remedy, ...asked }: Topic = TOPICS[name];
  const found = facts.obstacles.filter(({ reason }) => reasons.includes(reason));
  if (found.length > 0) return answer(asked, isOver(found, facts) ? 'Problem' : 'Unknown', evidenceOf(found), remedy);
  if (!isSeen(facts.resource)) return answer(asked, 'Unknown', UNSEEN, 'kubectl rekey status');
  return answer(asked, ...WITHOUT_FINDING[name](facts, remedy));
}

/** A finding that usually passes by itself becomes a problem only once it lasts; the operator then reports Degraded. */
function isOver(found: DoctorFacts['obstacles'], { resource }: DoctorFacts): boolean {
  const isDegraded = conditionOf(resource, 'Degraded')?.status === 'True';
  return isDegraded || found.some(({ reason }) => !isPassing({ reason: reason as Reason, message: '' }));
}

function evidenceOf(found: DoctorFacts['obstacles']): string {
  return found.map(({ reason, message }) => `${reason}: ${message}`).join('; ');
}

type Reply = readonly [verdict: Check['verdict'], evidence: string, remedy?: string];

/** What the absence of a finding proves: without an observation it proves nothing. */
const WITHOUT_FINDING: Readonly<Record<TopicName, (facts: DoctorFacts, remedy: string) => Reply>> = {
  keys: ({ resource, canaries }, remedy) => {
    if (canaries !== undefined) return byCanaries(resource, canaries, remedy);
    return byVerified(resource, 'accept the key in use');
  },
  fallbacks: ({ resource }, remedy) => {
    const rows = resource.status?.appCheck?.pods.flatMap(({ target, answers }) =>
      answers.filter((row) => row.case === 'fallback').map((row) => ({ target, ...row })),
    );
    const refusing = rows?.filter(({ verdict }) => verdict === 'Fail').map(({ target }) => target) ?? [];
    if (refusing.length > 0)
      return ['Problem', `validate-app: ${[...new Set(refusing)].join(', ')} refuses a fallback`, remedy];
    const verified = conditionOf(resource, 'Verified');
    const isQuiet = conditionOf(resource, 'Ready')?.status !== 'False';
    if (isQuiet && verified?.status === 'True' && hasOverlapped(resource)) {
      return ['Ok', `${verified.message}: both keys were accepted meanwhile`];
    }
    const verifiers = settingsOf(resource.spec).targets.filter(({ roles }) => roles.includes('Verifier'));
    const isProved = ({ kind, name }: (typeof verifiers)[number]) => {
      const own = rows?.filter(({ target }) => target === `${kind}/${name}`) ?? [];
      return own.length > 0 && own.every(({ verdict }) => verdict === 'Pass');
    };
    if (verifiers.length > 0 && verifiers.every(isProved)) {
      return ['Ok', `validate-app at ${resource.status?.appCheck?.checkedAt}: every verifier accepted its fallbacks`];
    }
    const evidence = 'no rotation is known to have completed in which each pod accepted both keys, by its own answers';
    return ['Unknown', evidence, 'kubectl rekey validate-app asks the pods'];
  },
  algorithm: ({ resource, tokens, canaries }, remedy) => {
    const { algorithm } = resource.spec.key;
    const others = Object.entries(tokens?.algorithms ?? {}).filter(([name]) => name !== algorithm);
    if (others.length > 0) {
      const counted = others.map(([name, count]) => `${count} by ${name}`).join(', ');
      return ['Problem', `of the tokens that you gave, ${counted}, and spec.key.algorithm is ${algorithm}`, remedy];
    }
    if (canaries !== undefined) return byCanaries(resource, canaries, remedy);
    return byVerified(resource, `accept tokens by ${algorithm} (what they sign by, tokens tell: --tokens)`);
  },
  variables: (facts) => byTemplates(facts, 'no pod template hides a variable of the Secret'),
  defaults: ({ resource }) => byVerified(resource, 'accept the key in use, and no pod accepts one that has left'),
  consumers: ({ blind, warnings, resource, examination }) => {
    const strangers = warnings.filter((text) => text.includes('is not a target'));
    if (strangers.length > 0) return ['Problem', strangers.join('; '), TOPICS.consumers.remedy];
    if (blind !== undefined) return ['Unknown', blind, 'ask somebody who may list workloads, when the spec is right'];
    const { hiddenKinds } = examination;
    const hidden = 'why' in hiddenKinds ? [hiddenKinds.why] : hiddenKinds.known;
    if (hidden.length > 0) {
      return ['Unknown', `you may not look at each kind: ${hidden.join(', ')}`, 'ask somebody who may list workloads'];
    }
    const { namespace } = resource.metadata;
    return ['Ok', `no other workload or pod of namespace ${namespace} takes a key of it. Elsewhere, nobody looks`];
  },
  strength: ({ resource }, remedy) => {
    const bad = ['WeakKey', 'KeyReuse'].map((type) => conditionOf(resource, type));
    const found = bad.filter((condition) => condition?.status === 'True');
    if (found.length > 0)
      return ['Problem', found.map((each) => `${each?.reason}: ${each?.message}`).join('; '), remedy];
    if (resource.status?.currentKeyId === undefined) return ['Unknown', 'the operator has not adopted the Secret'];
    return [
      'Ok',
      'the operator has read it: nobody can guess it, as far as an estimate goes, and no other Secret that it sees has it',
    ];
  },
  answers: ({ resource, canaries }) => {
    const silent = silentTargets(resource);
    if (silent !== undefined) return ['Unknown', silent, TOPICS.answers.remedy];
    if (canaries === undefined) return byVerified(resource, 'have answered');
    const open = openIn(canaries);
    if (open !== undefined) return ['Unknown', open, TOPICS.answers.remedy];
    return ['Ok', `${canaries.pods.length} pods were asked now, and each has answered`];
  },
};

/** Targets whose pods cannot be observed. */
function silentTargets({ spec }: DoctorFacts['resource']): string | undefined {
  const silent = spec.targets.filter(({ canary }) => canary === undefined).map(({ name }) => name);
  return silent.length === 0
    ? undefined
    : `${silent.join(', ')} has no canary: what its pods hold is inferred, not observed`;
}

/**
 * In an emergency and in a cutover no pod needs to know two keys. The status does not show which of its rotations cut
 * over.
 */
function hasOverlapped({ spec, status }: DoctorFacts['resource']): boolean {
  const last = status?.history?.find(({ outcome }) => outcome === 'Completed');
  const mayCutOver = spec.strategy === 'Cutover' || spec.allowCutover;
  return last !== undefined && last.trigger !== 'Emergency' && !mayCutOver;
}

type Canaries = NonNullable<DoctorFacts['canaries']>;

/** What is unknown although pods were asked. */
function openIn({ pods, note }: Canaries): string | undefined {
  const open = pods.filter(({ verdict }) => verdict === 'Unknown').map(({ message }) => message);
  if (open.length === 0 && note === undefined && pods.length > 0) return undefined;
  return [...open, ...(note === undefined ? [] : [note])].join('; ') || 'no pod was asked';
}

function byCanaries(resource: DoctorFacts['resource'], canaries: Canaries, remedy: string): Reply {
  const { pods } = canaries;
  const bad = pods.filter(({ verdict }) => verdict === 'Refused' || verdict === 'Void');
  if (bad.length > 0) return ['Problem', bad.map(({ message }) => message).join('; '), remedy];
  const open = openIn(canaries) ?? silentTargets(resource);
  if (open !== undefined) return ['Unknown', open, remedy];
  return ['Ok', `${pods.length} pods accept a token of the key in use and refuse a made-up one, asked now`];
}

/** The operator asks each new pod, and reports at once what refuses. */
function byVerified(resource: DoctorFacts['resource'], what: string): Reply {
  const how = 'kubectl rekey doctor --canary asks now; docs/services/canary.md says how to declare one';
  const ready = conditionOf(resource, 'Ready');
  if (ready?.status === 'False') {
    // the condition names only the first of the findings
    return ['Unknown', `the operator reports ${ready.reason}, and may have found more: it is not known of pods`, how];
  }
  const verified = conditionOf(resource, 'Verified');
  if (verified?.status === 'True') return ['Ok', `all pods that were asked ${what}: ${verified.message}`];
  if (verified?.reason === 'NoRotationYet') return ['Ok', `all pods that were asked ${what}; one of each target was`];
  return ['Unknown', verified?.message ?? 'no pod was asked yet', how];
}

function byTemplates({ blind }: DoctorFacts, good: string): Reply {
  if (blind === undefined) return ['Ok', good];
  return ['Unknown', blind, 'ask somebody who may read the workloads, when the spec is right'];
}
