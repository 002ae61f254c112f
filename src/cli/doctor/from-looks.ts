/** Questions that need observations of their own: the operator, tokens, clocks, leftovers, rights, storage. */

import { leaseName } from '../../rotation/people/leadership.ts';
import { formatDuration } from '../../rotation/schedule/duration.ts';
import { settingsOf } from '../../rotation/settings/settings.ts';
import { operatorText } from '../leader.ts';
import { when } from '../output.ts';
import { clusterFlags, rekeyCommand } from '../pasted.ts';
import { counted } from '../report/words.ts';
import { askedText, outdated } from './app-check.ts';
import { answer, type Check, type DoctorFacts, isOldReport, reportAgeMs } from './check.ts';

/** Error of comparing the Date header with Lease times: both have whole seconds, and the request takes time. */
const CLOCK_ERROR_MS = 2_000;

/** @returns the answers, in the order in which people ask */
export function lookChecks(facts: DoctorFacts): readonly Check[] {
  return [
    lifetimeCheck(facts),
    clockCheck(facts),
    fitnessCheck(facts),
    residueCheck(facts),
    rightsCheck(facts),
    readersCheck(facts),
    atRestCheck(),
  ];
}

/** Comes first: without an operator, everything else is from the time of the last one. */
export function operatorCheck(facts: DoctorFacts): Check {
  const { leadership, resource, now } = facts;
  const asked = { id: 'operator', question: 'Does an operator look after it?' };
  const evidence = operatorText(leadership, resource, now);
  if (leadership.kind === 'Led') return answer(asked, 'Ok', evidence);
  if (leadership.kind === 'Nobody') {
    return answer(asked, 'Problem', evidence, 'start it: all that follows is what the last one has seen');
  }
  const { operator } = resource.status ?? {};
  if (operator?.lease !== undefined) {
    const [namespace] = operator.lease.split('/');
    return answer(asked, 'Unknown', evidence, `its pods: kubectl get pods -n ${namespace}${clusterFlags()}`);
  }
  const ageMs = reportAgeMs(facts);
  if (operator === undefined || ageMs === undefined) return answer(asked, 'Unknown', evidence, podsHint());
  const reported = `it last reported ${when(operator.lastLookTime, now)}; it runs without leader election, so only its reports show it`;
  if (ageMs < RECENT_MS) return answer(asked, 'Ok', reported);
  const silent = isOldReport(facts)
    ? '. One that runs reports at least once an hour, so it has probably stopped (inferred)'
    : '';
  const canAsk = resource.spec.targets.some(({ canary }) => canary !== undefined);
  const how = canAsk ? `let it report now: ${rekeyCommand('doctor', resource, '--canary')}` : podsHint();
  return answer(asked, 'Unknown', `${reported}${silent}`, how);
}

/** Where a report is as good as a Lease: what it shows has just been. */
const RECENT_MS = 300_000;
/** By the label of rekey's manifests and of its chart: the namespace is not known. */
const podsHint = () =>
  `its pods, if it was installed by the manifests: kubectl get pods -A -l app.kubernetes.io/name=rekey${clusterFlags()}`;

function lifetimeCheck({ resource, tokens }: DoctorFacts): Check {
  const asked = { id: 'token-lifetime', question: 'Do tokens live no longer than maxTokenTTL?' };
  const { maxTokenTTL } = resource.spec;
  const how = `pipe in tokens of every kind, refresh tokens too: ${rekeyCommand('doctor', resource, '--tokens - < tokens.txt')}`;
  if (tokens === undefined) return answer(asked, 'NotChecked', 'rekey never sees tokens', how);
  const { tokens: count, longestMs, tooLong, endless, undated, others, encrypted } = tokens;
  const dated = count - endless - undated;
  const longest = longestMs === undefined ? '' : `, the longest for ${formatDuration(longestMs, 4)}`;
  const says = dated === 1 ? 'says how long it lives' : 'say how long they live';
  const evidence = [
    ...(count === 0 ? [] : [`${dated} of ${counted(count, 'token')} ${says}${longest}`]),
    `maxTokenTTL is ${maxTokenTTL}`,
    ...partText(undated, 'does not say how long it lives', 'do not say how long they live'),
    ...partText(encrypted, 'is encrypted', 'are encrypted'),
    ...partText(others, 'word is no token', 'words are no token'),
  ].join('; ');
  const remedy = 'set maxTokenTTL to the longest life of any token before the next rotation, or issue shorter ones';
  if (endless > 0) {
    const [forever] = partText(endless, 'has no exp and never expires', 'have no exp and never expire');
    const expiring = 'issue tokens with exp: no rotation can wait for those without';
    return answer(asked, 'Problem', `${evidence}; ${forever}`, expiring);
  }
  if (tooLong > 0) {
    const [long] = partText(tooLong, 'lives longer than that', 'live longer than that');
    return answer(asked, 'Problem', `${evidence}; ${long}`, remedy);
  }
  if (longestMs === undefined || undated > 0 || encrypted > 0) return answer(asked, 'Unknown', evidence, how);
  return answer(asked, 'Ok', `${evidence}. Of other tokens nothing is known`);
}

/** @returns nothing for none */
function partText(count: number, one: string, several: string): readonly string[] {
  return count === 0 ? [] : [`${count} ${count === 1 ? one : several}`];
}

function clockCheck({ resource, obstacles, examination, clockOffsetMs }: DoctorFacts): Check {
  const asked = { id: 'clocks', question: 'Do the clocks agree?' };
  const remedy = 'run a time service (chrony, systemd-timesyncd) on the nodes; or raise spec.clockSkew';
  const found = obstacles.find(({ reason }) => reason === 'ClockSkew');
  if (found !== undefined) return answer(asked, 'Problem', `ClockSkew: ${found.message}`, remedy);
  const seen = examination.nodeClocks;
  const here = `this machine and the API server differ by ${secondsText(clockOffsetMs)}`;
  const how = 'you need the right to list Leases in kube-node-lease; on a node: chronyc tracking';
  if ('why' in seen) return answer(asked, 'NotChecked', `${here}. Of the nodes nothing is known: ${seen.why}`, how);
  const { clockSkewMs } = settingsOf(resource.spec);
  const far = seen.known.filter(({ offsetMs }) => Math.abs(offsetMs) > clockSkewMs + CLOCK_ERROR_MS);
  if (far.length > 0) {
    const named = far.map(({ node, offsetMs }) => `${node} by ${secondsText(offsetMs)}`).join(', ');
    return answer(asked, 'Problem', `by the Leases of the nodes, these differ from the API server: ${named}`, remedy);
  }
  if (seen.known.length === 0) return answer(asked, 'NotChecked', `${here}. No node has a Lease`, how);
  const most = seen.known.reduce((a, b) => (Math.abs(b.offsetMs) > Math.abs(a.offsetMs) ? b : a));
  const nodes = `of ${counted(seen.known.length, 'node')}, none differs from the API server by more than ${secondsText(most.offsetMs)}`;
  return answer(asked, 'Ok', `${nodes}, by their Leases: weak evidence, to 2 s; ${here}`);
}

function secondsText(ms: number): string {
  return `${(Math.abs(ms) / 1000).toFixed(1)} s`;
}

function fitnessCheck(facts: DoctorFacts): Check {
  const { resource, now } = facts;
  const asked = {
    id: 'fitness',
    question: 'Do services refuse what they must: expired tokens, alg: none, other keys?',
  };
  const ask = rekeyCommand('validate-app', resource);
  const how = `to ask them: ${ask}`;
  const check = resource.status?.appCheck;
  if (check === undefined) return answer(asked, 'NotChecked', 'nobody has asked them', how);
  const at = askedText(check, now);
  const of = (result: string) => check.pods.flatMap((pod) => (pod.result === result ? [pod.target] : [])).join(', ');
  const unfit = of('Unfit') === '' ? undefined : `${of('Unfit')} is not fit`;
  const old = outdated(check, facts);
  if (old !== undefined)
    return answer(asked, 'Unknown', [unfit === undefined ? at : `${at}: ${unfit}`, old].join('; '), how);
  if (unfit !== undefined) return answer(asked, 'Problem', `${at}: ${unfit}`, `which line to change: ${ask}`);
  const labels = resource.spec.targets.map((target) => `${target.kind}/${target.name}`);
  const missing = labels.filter(
    (label) => !check.pods.some(({ target, result }) => target === label && result === 'Fit'),
  );
  if (missing.length > 0) return answer(asked, 'Unknown', `${at}: it is not known of ${missing.join(', ')}`, how);
  return answer(asked, 'Ok', `${at}: all targets are fit`);
}

function residueCheck({ resource, examination }: DoctorFacts): Check {
  const asked = { id: 'residue', question: 'Are copies of keys left behind?' };
  const { residue = [], residueIncomplete } = resource.status?.emergency ?? {};
  const { formerLiterals, helmReleases } = examination;
  const old = 'known' in formerLiterals ? formerLiterals.known : [];
  const found = [...residue.map((place) => `a burnt key: ${place}`), ...old.map(({ place }) => `a value: ${place}`)];
  const remedy = residueRemedy(resource, examination);
  if (found.length > 0) return answer(asked, 'Problem', found.join('; '), remedy);
  const helm =
    'why' in helmReleases
      ? [`releases of Helm: ${helmReleases.why}`]
      : helmReleases.known > 0
        ? [
            `Helm keeps ${counted(helmReleases.known, 'release')} here, which may hold a manifest with a key: nobody has looked into them`,
          ]
        : [];
  const open = [
    ...('why' in formerLiterals ? [`former pod templates: ${formerLiterals.why}`] : []),
    ...helm,
    ...(residueIncomplete === undefined ? [] : [residueIncomplete]),
  ];
  if (open.length > 0) return answer(asked, 'Unknown', open.join('; '), remedy);
  const managed = resource.status?.currentKeyId !== undefined;
  const applied = managed
    ? 'rekey takes last-applied-configuration off the Secret with each write of keys'
    : 'last-applied-configuration on the Secret was not looked at: it would be the key';
  return answer(
    asked,
    managed ? 'Ok' : 'Unknown',
    `no pod template of a target, former ones included, has a value under the name of a key, Helm keeps no release in a Secret here; ${applied}`,
  );
}

function residueRemedy({ metadata: { namespace } }: DoctorFacts['resource'], examination: DoctorFacts['examination']) {
  const { formerLiterals, helmReleases } = examination;
  const old = 'known' in formerLiterals ? formerLiterals.known : [];
  const former = [...new Set(old.flatMap(({ formerReplicaSet }) => formerReplicaSet ?? []))];
  const releases =
    'known' in helmReleases && helmReleases.known === 0
      ? []
      : [`helm list -n ${namespace}, then helm history RELEASE -n ${namespace}`];
  return [
    'delete what is not needed, and set revisionHistoryLimit lower',
    ...releases.map((command) => `old releases of Helm: ${command}`),
    ...(former.length === 0
      ? []
      : [
          `a former ReplicaSet, after which kubectl rollout undo cannot go back to its revision: kubectl delete replicaset -n ${namespace}${clusterFlags()} ${former.join(' ')}`,
        ]),
  ].join('. ');
}

function rightsCheck({ resource, examination }: DoctorFacts): Check {
  const asked = { id: 'rights', question: 'Does the operator have only the rights that it needs?' };
  const seen = examination.operatorRights;
  const [home = ''] = leaseName(resource).split('/');
  const { namespace } = resource.metadata;
  const list = `kubectl auth can-i --list -n ${namespace} --as=system:serviceaccount:${home}:rekey${clusterFlags()}`;
  const how = `by somebody who may impersonate, if its account is the usual one: ${list}`;
  if ('why' in seen) return answer(asked, 'NotChecked', seen.why, how);
  const { account, isOperator, tooWide, listsSecrets } = seen.known;
  const remedy = 'bind it to the Role of deploy/namespace alone, with the Secret in resourceNames';
  if (tooWide.length > 0) return answer(asked, 'Problem', `${account} has the right ${tooWide.join(', ')}`, remedy);
  if (!isOperator) {
    return answer(
      asked,
      'NotChecked',
      `${account} is not the operator: it may not write the status of this resource`,
      how,
    );
  }
  const also = listsSecrets ? '. It may list Secrets, as deploy/residue lets it: that includes their values' : '';
  return answer(asked, 'Ok', `${account} (assumed by its usual name) may not read any Secret of its choice${also}`);
}

function readersCheck({ resource: { metadata, spec } }: DoctorFacts): Check {
  const asked = { id: 'readers', question: 'Who else can read the Secret?' };
  return answer(
    asked,
    'NotChecked',
    'no request answers that: roles, and whoever may run a pod in the namespace',
    `a tool such as kubectl-who-can; or for each USER: kubectl auth can-i get secret/${spec.secretName} -n ${metadata.namespace} --as=USER${clusterFlags()}`,
  );
}

function atRestCheck(): Check {
  const asked = { id: 'at-rest', question: 'Are Secrets encrypted where they are stored?' };
  return answer(
    asked,
    'NotChecked',
    'the API server does not say',
    'ask who runs the control plane: EncryptionConfiguration, or the setting of your provider',
  );
}
