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

const granted = new Map<string, Set<string>>();

/** What may be given besides is asked for as well, and refused here. */
for (const path of ['base', 'namespace', 'residue']) {
  const documents = loadAll(readFileSync(join(repoRoot, 'deploy', path, 'rbac.yaml'), 'utf8')) as readonly Role[];
  for (const { resources, verbs } of documents.flatMap(({ rules = [] }) => rules)) {
    for (const resource of resources) granted.set(resource, new Set([...(granted.get(resource) ?? []), ...verbs]));
  }
}

/** @param resource plural, with the subresource if there is one */
export function isGranted(verb: string, resource: string): boolean {
  return granted.get(resource)?.has(verb) ?? false;
}
