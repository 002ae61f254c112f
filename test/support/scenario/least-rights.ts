/**
 * The rights that `rbac` prints, in force and nothing beside them; and, by the audit log of the API server, whether each of them is
 * needed: for each verb and name of a rule there must be a request that no other rule would have allowed.
 */
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { loadAll } from 'js-yaml';
import { KubeApi } from '../cluster/kubeapi.ts';
import type { ProvidedCluster } from '../cluster/provided.ts';
import { rekey } from './command.ts';
import { OPERATOR_USER } from './install.ts';
import type { Scene } from './scene.ts';
import { until } from './until.ts';

export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

interface Request {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly name: string;
}

/** Roles that a scene may have given; each is bound by a RoleBinding of its name. */
const GIVEN = ['rekey', 'rekey-files', 'rekey-rollouts'];

/**
 * Puts the Role that the command prints in place of what the scene gave. It is in force, and nothing else, when this resolves.
 *
 * @param flags of the command
 * @returns its rules
 * @throws Error when the command fails, or says anything but the Role
 */
export async function grantLeast(
  cluster: ProvidedCluster,
  scene: Scene,
  ...flags: readonly string[]
): Promise<readonly Rule[]> {
  const { api, namespace, name } = scene;
  const args = ['rbac', name, ...flags, '-n', namespace, '--kubeconfig', cluster.kubeconfig];
  const { result, told, code } = await rekey(args, cluster.programs?.command);
  if (code !== 0 || told !== '') throw new Error(`rbac exits with ${code}: ${told}`);
  for (const each of GIVEN)
    for (const kind of ['RoleBinding', 'Role'])
      if (await api.find({ kind, namespace, name: each })) await api.delete({ kind, namespace, name: each });
  await until('the former rights are gone', async () => !(await allowed(scene)).includes('create /secrets *'));
  // what every account may, and what deploy/base lets the operator watch
  const before = await allowed(scene);
  await api.apply(result, namespace);
  const { rules } = loadAll(result)[0] as { readonly rules: readonly Rule[] };
  const wanted = [...new Set([...before, ...linesOf(rules)])].sort();
  await until('the rights are those, and no more', async () => isDeepStrictEqual(await allowed(scene), wanted));
  return rules;
}

/** Rules of SelfSubjectRulesReview, with a line for each verb, resource and name. */
async function allowed(scene: Scene): Promise<readonly string[]> {
  const api = KubeApi.fromKubeconfig(scene.kubeconfig);
  try {
    const review = await api.raw<{ readonly status: { readonly resourceRules: readonly Rule[] } }>({
      ...{ method: 'POST', path: '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews' },
      body: {
        ...{ apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectRulesReview' },
        spec: { namespace: scene.namespace },
      },
    });
    return linesOf(review.status.resourceRules);
  } finally {
    await api.close();
  }
}

function linesOf(rules: readonly Rule[]): readonly string[] {
  const lines = rules.flatMap(({ apiGroups, resources, verbs, resourceNames = ['*'] }) =>
    apiGroups.flatMap((group) =>
      resources.flatMap((resource) =>
        verbs.flatMap((verb) => resourceNames.map((name) => `${verb} ${group}/${resource} ${name}`)),
      ),
    ),
  );
  return [...new Set(lines)].sort();
}

/** What the operator asked for in the namespace, from the audit log. `fits` is given the API server's reason and its answer. */
function requests(
  { auditLogPath }: ProvidedCluster,
  { namespace }: Scene,
  fits: (reason: string, code: number) => boolean,
): readonly Request[] {
  return readFileSync(auditLogPath, 'utf8')
    .split('\n')
    .filter((line) => line.includes(namespace) && line.includes(OPERATOR_USER))
    .map((line) => JSON.parse(line))
    .filter(({ annotations, responseStatus }) =>
      fits(annotations?.['authorization.k8s.io/reason'] ?? '', responseStatus?.code ?? 0),
    )
    .map(({ verb, objectRef: { apiGroup = '', resource, subresource, name: object = '' } }) => ({
      ...{ verb, group: apiGroup, name: object },
      resource: subresource === undefined ? resource : `${resource}/${subresource}`,
    }));
}

/** Only what deploy/residue would allow: an emergency looks for copies where it may. */
const RESIDUE = ['list configmaps', 'list replicasets', 'list secrets'];

/** @returns what the operator asked for and was refused, with the name if it asked for one */
export const refusedTo = (cluster: ProvidedCluster, scene: Scene): readonly string[] =>
  requests(cluster, scene, (_, code) => code === 403)
    .map(({ verb, resource, name }) => `${verb} ${resource}${name && ` ${name}`}`)
    .filter((line) => !RESIDUE.includes(line));

const grants = ({ apiGroups, resources, resourceNames, verbs }: Rule, { verb, group, resource, name }: Request) =>
  verbs.includes(verb) &&
  apiGroups.includes(group) &&
  resources.includes(resource) &&
  (resourceNames === undefined || resourceNames.includes(name));

/** A rule for each verb and each name. */
const single = (rules: readonly Rule[]): readonly Rule[] =>
  rules.flatMap((rule) =>
    rule.verbs.flatMap((verb) =>
      (rule.resourceNames ?? [undefined]).map((name) => ({
        ...rule,
        verbs: [verb],
        ...(name !== undefined && { resourceNames: [name] }),
      })),
    ),
  );

/** @returns a rule of one verb and one name, as `patch statefulsets db`, or `delete pods` if it is for all names */
export const lineOf = ({ verbs, resources, resourceNames = [] }: Rule): string =>
  [...verbs, ...resources, ...resourceNames].join(' ');

/** @returns each verb of each rule, once */
export const verbsOf = (rules: readonly Rule[]): readonly string[] => [
  ...new Set(rules.flatMap(({ verbs, resources }) => verbs.map((verb) => `${verb} ${resources}`))),
];

/**
 * @returns by {@link lineOf}, what could be left out of the rules, and nothing that the operator asked for would have been refused: no
 * request needed it, or only beside another rule
 */
export function unneeded(cluster: ProvidedCluster, scene: Scene, rules: readonly Rule[]): readonly string[] {
  const binding = `RoleBinding "rekey-${scene.name}/${scene.namespace}"`;
  const asked = requests(cluster, scene, (reason) => reason.includes(binding));
  const parts = single(rules);
  const isNeeded = (part: Rule): boolean => {
    const others = parts.filter((each) => each !== part);
    return asked.some((request) => grants(part, request) && !others.some((each) => grants(each, request)));
  };
  return parts.filter((part) => !isNeeded(part)).map(lineOf);
}
