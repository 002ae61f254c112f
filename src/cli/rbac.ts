/**
 * `rbac`: prints the least that the operator needs for one resource. It reads the resource and, for a NetworkPolicy, the targets.
 */
import { dump } from 'js-yaml';
import type { Operations } from '../rotation/people/operations.ts';
import { leastRights, networkPolicyOf, type Right, roleOf } from '../rotation/people/rights.ts';
import { specFindings } from '../rotation/settings/spec-checks.ts';
import type { Format } from './formats.ts';
import { machineText } from './output.ts';
import { CommandError, EXIT, type Exit, type Terminal } from './terminal.ts';

export interface RbacOptions {
  readonly createSecret?: true;
  readonly networkPolicy?: true;
  readonly output?: Format;
}

const yaml = (value: unknown): string => dump(value, { lineWidth: -1, noRefs: true });

/** @returns failed if the spec is invalid: what it needs is not known then */
export async function rbac(
  operations: Operations,
  terminal: Terminal,
  name: string,
  options: RbacOptions,
): Promise<Exit> {
  const resource = await operations.get(name);
  const [invalid] = specFindings(resource.spec);
  if (invalid !== undefined) throw new CommandError(invalid.message, EXIT.failed);
  const rights = leastRights(resource, options.createSecret === true);
  const [role, binding] = roleOf(resource, rights);
  const policy = options.networkPolicy
    ? await networkPolicyOf(resource, (kind, target) => operations.workload(kind, target))
    : undefined;
  if (options.networkPolicy && policy === undefined)
    terminal.printErr('no target has a canary: rekey connects to no pod\n');
  const items = [role, binding, ...(policy === undefined ? [] : [policy])];
  const machine = machineText({ apiVersion: 'v1', kind: 'List', items }, options.output);
  terminal.print(machine ?? [withReasons(role, rights), ...items.slice(1).map(yaml)].join('---\n'));
  return EXIT.done;
}

/** The Role with a comment above each rule: what rekey does by it. */
function withReasons(role: object, rights: readonly Right[]): string {
  const head = yaml({ ...role, rules: undefined });
  const rules = rights.map(({ why, rule }) => `  # ${why}\n${yaml([rule]).replaceAll(/^(?=.)/gm, '  ')}`);
  return `${head}rules:\n${rules.join('')}`;
}
