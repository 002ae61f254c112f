/**
 * What deploy/ lets the operator do.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadAll } from 'js-yaml';
import { repoRoot } from './operator.ts';

interface Role {
  readonly rules?: readonly { readonly resources: readonly string[]; readonly verbs: readonly string[] }[];
}

type Rights = ReadonlyMap<string, ReadonlySet<string>>;

function rightsIn(paths: readonly string[]): Rights {
  const rights = new Map<string, Set<string>>();
  for (const path of paths) {
    const documents = loadAll(readFileSync(join(repoRoot, 'deploy', path, 'rbac.yaml'), 'utf8')) as readonly Role[];
    for (const { resources, verbs } of documents.flatMap(({ rules = [] }) => rules)) {
      for (const resource of resources) rights.set(resource, new Set([...(rights.get(resource) ?? []), ...verbs]));
    }
  }
  return rights;
}

const granted = rightsIn(['base', 'namespace']);
/** For mounted files. */
const grantedForFiles = rightsIn(['files']);
/** An emergency looks for copies of a burnt key where it may; here it may not. */
const optional = rightsIn(['residue']);

/**
 * @param resource plural, with the subresource if there is one
 * @param files whether the targets read mounted files
 */
export function isGranted(verb: string, resource: string, files: boolean): boolean {
  const more = files && grantedForFiles.get(resource)?.has(verb) === true;
  return more || (granted.get(resource)?.has(verb) ?? false);
}

/** Whether an emergency may ask for it, and be refused. */
export function isOptional(verb: string, resource: string): boolean {
  return optional.get(resource)?.has(verb) ?? false;
}
