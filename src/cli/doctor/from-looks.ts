/** Questions that need observations of their own: the operator, tokens, clocks, leftovers, rights, storage. */
import { formatDuration } from '../../rotation/schedule/duration.ts';
import { settingsOf } from '../../rotation/settings/settings.ts';
import { operatorText } from '../leader.ts';
import { answer, type Check, type DoctorFacts } from './check.ts';

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
    readersCheck(),
    atRestCheck(),
  ];
}

/** Comes first: without an operator, everything else is from the time of the last one. */
export function operatorCheck({ leadership, resource, now }: DoctorFacts): Check {
  const asked = { id: 'operator', question: 'Does an operator look after it?' };
  const evidence = operatorText(leadership, resource, now);
  if (leadership.kind === 'Led') return answer(asked, 'Ok', evidence);
  if (leadership.kind === 'Unknown') return answer(asked, 'Unknown', evidence, 'kubectl get pods -n rekey-system');
  return answer(asked, 'Problem', evidence, 'start it: all that follows is what the last one has seen');
}

function lifetimeCheck({ resource, tokens }: DoctorFacts): Check {
  const asked = { id: 'token-lifetime', question: 'Do tokens live no longer than maxTokenTTL?' };
  const { maxTokenTTL } = resource.spec;
  const how = `pipe in tokens of every kind, refresh tokens too: kubectl rekey doctor ${resource.metadata.name} --tokens - < tokens.txt`;
  if (tokens === undefined) return answer(asked, 'NotChecked', 'rekey never sees tokens', how);
  const { tokens: count, longestMs, tooLong, endless, undated, others, encrypted } = tokens;
  const left = [
    ...(undated > 0 ? [`${undated} do not say how long they live`] : []),
    ...(encrypted > 0 ? [`${encrypted} are encrypted`] : []),
    ...(others > 0 ? [`${others} words are no token`] : []),
  ];
  const longest = longestMs === undefined ? '' : `, the longest for ${formatDuration(longestMs, 4)}`;
  const dated = count - endless - undated;
  const evidence = [`${dated} tokens say how long they live${longest}; maxTokenTTL is ${maxTokenTTL}`, ...left].join(
    '; ',
  );
  const remedy = 'set maxTokenTTL to the longest life of any token before the next rotation, or issue shorter ones';
  if (endless > 0) {
    return answer(
      asked,
      'Problem',
      `${evidence}; ${endless} have no exp and never expire`,
      'issue tokens with exp: no rotation can wait for those without',
    );
  }
  if (tooLong > 0) return answer(asked, 'Problem', `${evidence}; ${tooLong} live longer than that`, remedy);
  if (longestMs === undefined || undated > 0 || encrypted > 0) return answer(asked, 'Unknown', evidence, how);
  return answer(asked, 'Ok', `${evidence}. Of other tokens nothing is known`);
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

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

function secondsText(ms: number): string {
  return `${(Math.abs(ms) / 1000).toFixed(1)} s`;
}

function fitnessCheck({ resource }: DoctorFacts): Check {
  const asked = {
    id: 'fitness',
    question: 'Do services refuse what they must: expired tokens, alg: none, other keys?',
  };
  const { name } = resource.metadata;
  const how = `kubectl rekey validate-app ${name}`;
  const check = resource.status?.appCheck;
  if (check === undefined) return answer(asked, 'NotChecked', 'nobody has asked them', how);
  const at = `validate-app at ${check.checkedAt}`;
  const targets = (result: string) =>
    check.pods
      .filter((pod) => pod.result === result)
      .map(({ target }) => target)
      .join(', ');
  if (targets('Unfit') !== '')
    return answer(asked, 'Problem', `${at}: ${targets('Unfit')} is not fit`, `${how} names the line to change`);
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
  const found = [...residue.map((place) => `a burnt key: ${place}`), ...old.map((place) => `a value: ${place}`)];
  const remedy = 'delete what is not needed; set revisionHistoryLimit lower; helm history shows old releases';
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

function rightsCheck({ examination }: DoctorFacts): Check {
  const asked = { id: 'rights', question: 'Does the operator have only the rights that it needs?' };
  const seen = examination.operatorRights;
  const how =
    'kubectl auth can-i --list --as=system:serviceaccount:rekey-system:rekey, by somebody who may impersonate';
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
  const list = listsSecrets ? '. It may list Secrets, as deploy/residue lets it: that includes their values' : '';
  return answer(asked, 'Ok', `${account} (assumed by its usual name) may not read any Secret of its choice${list}`);
}

function readersCheck(): Check {
  const asked = { id: 'readers', question: 'Who else can read the Secret?' };
  return answer(
    asked,
    'NotChecked',
    'no request tells it: roles, and whoever may run a pod in the namespace',
    'kubectl auth can-i get secret --as=NAME for each; or a tool such as kubectl-who-can',
  );
}

function atRestCheck(): Check {
  const asked = { id: 'at-rest', question: 'Are Secrets encrypted where they are stored?' };
  return answer(
    asked,
    'NotChecked',
    'the API server does not tell',
    'ask who runs the control plane: EncryptionConfiguration, or the setting of your provider',
  );
}
