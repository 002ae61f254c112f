/** Questions that the findings of the operator and of `check` answer. Each finding belongs to one question. */
import { isPassing, type Reason } from '../../rotation/api/finding.ts';
import { settingsOf } from '../../rotation/settings/settings.ts';
import { when } from '../output.ts';
import { rekeyCommand } from '../pasted.ts';
import { counted } from '../report/words.ts';
import { conditionOf, isSeen, REWRITTEN, UNSEEN } from '../status.ts';
import { askedText, fallbackVerdicts, outdated } from './app-check.ts';
import { type Asked, answer, type Check, type DoctorFacts, isOldReport } from './check.ts';
import { asymmetricIn } from './tokens.ts';
import { checkText, RUNBOOK, TOPICS, type TopicName } from './topics.ts';

/** These have questions of their own in from-looks.ts. */
const ELSEWHERE = ['NobodyLeads', 'ClockSkew'];

const REST: Asked = { id: 'others', question: 'Is anything else in the way of a rotation?' };

/** What these say is from the pass that the person made, and not from the status. */
const SEEN_NOW: readonly string[] = ['variables', 'consumers'];

/** @returns one answer for each topic, and one for the other findings; those that rest on an old status name its age */
export function findingChecks(facts: DoctorFacts): readonly Check[] {
  const look = facts.resource.status?.operator?.lastLookTime;
  const isOld = isOldReport(facts);
  return topicChecks(facts).map((check) => {
    if (!isOld || (SEEN_NOW.includes(check.id) && facts.blind === undefined)) return check;
    return { ...check, evidence: `${check.evidence} (the operator last reported ${when(look, facts.now)})` };
  });
}

function topicChecks(facts: DoctorFacts): readonly Check[] {
  const known = Object.values(TOPICS).flatMap(({ reasons }): readonly string[] => reasons);
  const rest = facts.obstacles.filter(({ reason }) => ![...known, ...ELSEWHERE].includes(reason));
  return [
    ...Object.keys(TOPICS).map((name) => topicCheck(name as TopicName, facts)),
    rest.some(({ reason }) => !isPassing({ reason: reason as Reason, message: '' }))
      ? answer(REST, 'Problem', evidenceOf(rest), `${RUNBOOK}. ${checkText(facts.resource)}`)
      : isSeen(facts.resource)
        ? answer(REST, 'Ok', rest.length > 0 ? evidenceOf(rest) : 'nothing, as far as the operator and you can see')
        : answer(REST, 'Unknown', UNSEEN),
  ];
}

function topicCheck(name: TopicName, facts: DoctorFacts): Check {
  const { id, question } = TOPICS[name];
  const reasons: readonly string[] = TOPICS[name].reasons;
  const asked: Asked = { id, question };
  const remedy = TOPICS[name].remedy(facts.resource);
  const found = facts.obstacles.filter(({ reason }) => reasons.includes(reason));
  if (found.length > 0) return answer(asked, isOver(found, facts) ? 'Problem' : 'Unknown', evidenceOf(found), remedy);
  if (!isSeen(facts.resource)) return answer(asked, 'Unknown', UNSEEN, rekeyCommand('status', facts.resource));
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
  fallbacks: (facts, remedy) => {
    const { resource, now } = facts;
    const { appCheck } = resource.status ?? {};
    const verdicts = fallbackVerdicts(appCheck);
    const old = appCheck && outdated(appCheck, facts);
    const at = appCheck === undefined ? '' : askedText(appCheck, now);
    const refusing = [...verdicts].flatMap(([target, of]) => (of.includes('Fail') ? [target] : []));
    const refused = `${at}: ${refusing.join(', ')} refuses a fallback`;
    if (refusing.length > 0 && old === undefined) return ['Problem', refused, remedy];
    const verified = conditionOf(resource, 'Verified');
    const isQuiet = conditionOf(resource, 'Ready')?.status !== 'False';
    if (isQuiet && verified?.status === 'True' && hasOverlapped(resource)) {
      return ['Ok', `${verified.message}: both keys were accepted meanwhile`];
    }
    const ask = `to ask the pods: ${rekeyCommand('validate-app', resource)}`;
    if (refusing.length > 0) return ['Unknown', `${refused}; ${old}`, ask];
    const verifiers = settingsOf(resource.spec).targets.filter(({ roles }) => roles.includes('Verifier'));
    const isProved = ({ kind, name }: (typeof verifiers)[number]) => {
      const own = verdicts.get(`${kind}/${name}`) ?? [];
      return own.length > 0 && own.every((verdict) => verdict === 'Pass');
    };
    if (verifiers.length === 0 || !verifiers.every(isProved)) return ['Unknown', unprovedText(resource), ask];
    const accepted = `${at}: every verifier accepted its fallbacks`;
    return old === undefined ? ['Ok', accepted] : ['Unknown', `${accepted}; ${old}`, ask];
  },
  algorithm: ({ resource, tokens, canaries }) => {
    const { algorithm } = resource.spec.key;
    const others = Object.entries(tokens?.algorithms ?? {}).filter(([name]) => name !== algorithm);
    if (others.length > 0) {
      const signed = others.map(([name, count]) => `${count} by ${name}`).join(', ');
      const evidence = `of the tokens that you gave, ${signed}, and spec.key.algorithm is ${algorithm}`;
      return ['Problem', evidence, otherAlgorithmText(others.map(([name]) => name))];
    }
    if (canaries !== undefined) return algorithmByCanaries(resource, canaries);
    return byVerified(resource, `accept tokens by ${algorithm} (what they sign with, only tokens show: --tokens)`);
  },
  variables: (facts) => byTemplates(facts, 'no pod template hides a variable of the Secret'),
  defaults: ({ resource }) => byVerified(resource, 'accept the key in use, and no pod accepts one that has left'),
  consumers: ({ blind, warnings, resource, examination }) => {
    const strangers = warnings.filter((text) => text.includes('is not a target'));
    if (strangers.length > 0) return ['Problem', strangers.join('; '), TOPICS.consumers.remedy()];
    if (blind !== undefined) return ['Unknown', blind, 'ask somebody who may list workloads, when the spec is right'];
    const { hiddenKinds } = examination;
    const hidden = 'why' in hiddenKinds ? [hiddenKinds.why] : hiddenKinds.known;
    if (hidden.length > 0) {
      return ['Unknown', `you may not look at each kind: ${hidden.join(', ')}`, 'ask somebody who may list workloads'];
    }
    const { namespace } = resource.metadata;
    return ['Ok', `no other workload or pod of namespace ${namespace} takes a key of it. Elsewhere, nobody looks`];
  },
  strength: ({ resource, obstacles }, remedy) => {
    if (obstacles.some(({ reason }) => REWRITTEN.includes(reason))) {
      return ['Unknown', 'the Secret is not what rekey wrote, so nobody has judged what it holds', checkText(resource)];
    }
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
    if (silent !== undefined) return ['Unknown', silent, TOPICS.answers.remedy(resource)];
    if (canaries === undefined) return byVerified(resource, 'have answered');
    const open = openIn(canaries);
    if (open !== undefined) return ['Unknown', open, TOPICS.answers.remedy(resource)];
    const { length } = canaries.pods;
    return ['Ok', `${counted(length, 'pod')} ${length === 1 ? 'was' : 'were'} asked now, and each has answered`];
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
function hasOverlapped(resource: DoctorFacts['resource']): boolean {
  const last = lastCompleted(resource);
  return last !== undefined && last.trigger !== 'Emergency' && !mayCutOver(resource);
}

function lastCompleted({ status }: DoctorFacts['resource']) {
  return status?.history?.find(({ outcome }) => outcome === 'Completed');
}

function mayCutOver({ spec }: DoctorFacts['resource']): boolean {
  return spec.strategy === 'Cutover' || spec.allowCutover === true;
}

/** Why the last rotation does not prove that the pods of now accept both keys. */
function unprovedText(resource: DoctorFacts['resource']): string {
  const last = lastCompleted(resource);
  if (last === undefined)
    return 'status.history has no completed rotation, in which pods would have accepted both keys';
  const which = `the last completed rotation${last.finishedAt === undefined ? '' : ` (${last.finishedAt})`}`;
  if (last.trigger === 'Emergency') return `${which} was an emergency, in which no pod needs two keys`;
  if (mayCutOver(resource)) return `${which} may have cut over, and then no pod needed two keys`;
  const verified = conditionOf(resource, 'Verified');
  if (verified?.status !== 'True') return verified?.message ?? `the operator does not say what ${which} rests on`;
  const { reason } = conditionOf(resource, 'Ready') ?? {};
  return `${verified.message}, but now the operator reports ${reason}: of the pods as they are now it is not known`;
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
  const [accept, refuse] = pods.length === 1 ? ['accepts', 'refuses'] : ['accept', 'refuse'];
  const who = counted(pods.length, 'pod');
  return ['Ok', `${who} ${accept} a token of the key in use and ${refuse} a made-up one, asked now`];
}

/** A pod without the key refuses its tokens whatever their algorithm, and one that accepts any shows none. */
function algorithmByCanaries(resource: DoctorFacts['resource'], canaries: Canaries): Reply {
  const bad = canaries.pods.filter(({ verdict }) => verdict === 'Refused' || verdict === 'Void');
  if (bad.length === 0) return byCanaries(resource, canaries, TOPICS.answers.remedy(resource));
  const evidence = `it shows only where a pod accepts the key in use and refuses a made-up one; a pod may have another key: ${bad.map(({ message }) => message).join('; ')}`;
  return ['Unknown', evidence, `first answer: ${TOPICS.keys.question} ${TOPICS.variables.question}`];
}

/** Of tokens that a person gave. @param names of their algorithms */
function otherAlgorithmText(names: readonly string[]): string {
  const asymmetric = asymmetricIn(names);
  const shared = names.filter((name) => name.startsWith('HS'));
  const rest = names.filter((name) => !asymmetric.includes(name) && !shared.includes(name));
  return [
    ...(asymmetric.length === 0
      ? []
      : [`rekey is not for tokens signed by ${asymmetric.join(', ')}, which have no shared key (docs/comparison.md)`]),
    ...(shared.length === 0 ? [] : [`set spec.key.algorithm to ${shared.join(' or ')}, or change the services`]),
    ...(rest.length === 0
      ? []
      : [`change the service that signs by ${rest.join(', ')}: rekey has keys for HS256, HS384 and HS512`]),
  ].join('; ');
}

/** The operator asks each new pod, and reports at once what refuses. */
function byVerified(resource: DoctorFacts['resource'], what: string): Reply {
  const ask = rekeyCommand('doctor', resource, '--canary');
  const how = `docs/services/canary.md says how to declare a canary. To ask now: ${ask}`;
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
