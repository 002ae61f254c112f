/**
 * Finds other writers of a Secret by the marks of tools that restore their own values. It is used before the first
 * write only; later writes show in the keys themselves.
 *
 * Sources of the marks: each tool's own code and documentation, see docs/reference/foreign-writers.md.
 */
import type { ManagedFieldsEntry, OwnerReference, Secret } from '../../kube/types.ts';
import { FIELD_MANAGER } from '../api/names.ts';
import { TOOLS, type Tool } from './tools.ts';

export interface ForeignWriter {
  /** The tool and the mark, such as `Helm (annotation meta.helm.sh/release-name)`. */
  readonly who: string;
  /** What a person can do so that only one of the two writes. */
  readonly wayOut: string;
}

/**
 * @param dataKeys that hold keys
 * @returns the first tool that would restore its own value, or remove the Secret
 */
export function foreignWriterOf(secret: Secret, dataKeys: readonly string[]): ForeignWriter | undefined {
  const managers = managersOf(secret, dataKeys).filter((manager) => manager !== FIELD_MANAGER);
  for (const tool of TOOLS) {
    const mark = markOf(tool, secret) ?? ownerMark(tool, secret) ?? managerMark(tool, managers);
    if (mark !== undefined) return { who: `${tool.name} (${mark})`, wayOut: tool.wayOut };
  }
  const owner = (secret.metadata.ownerReferences ?? []).find(({ controller }) => controller === true);
  if (owner === undefined) return undefined;
  return {
    who: `the controller of ${label(owner)} (ownerReferences)`,
    wayOut: `let ${owner.kind} ${owner.name} go without its Secret, or name another Secret; then remove the entry from ownerReferences`,
  };
}

function label({ apiVersion, kind, name }: OwnerReference): string {
  return `${kind} ${name} of ${apiVersion}`;
}

function markOf({ labels = [], annotations = [], isMeant }: Tool, { metadata }: Secret): string | undefined {
  const found = (kind: string, names: readonly string[], values: Readonly<Record<string, string>> = {}) => {
    const name = names.find((candidate) => {
      const [key = '', expected] = candidate.split('=');
      const value = values[key];
      if (value === undefined || (expected !== undefined && value !== expected)) return false;
      return isMeant?.(key, value, metadata) ?? true;
    });
    return name === undefined ? undefined : `${kind} ${name}`;
  };
  return found('annotation', annotations, metadata.annotations) ?? found('label', labels, metadata.labels);
}

function ownerMark({ owners }: Tool, { metadata }: Secret): string | undefined {
  if (owners === undefined) return undefined;
  // some tools are owners but not the controller
  const owner = (metadata.ownerReferences ?? []).find(({ apiVersion, kind }) => owners.test(`${apiVersion} ${kind}`));
  return owner && `ownerReferences: ${label(owner)}`;
}

function managerMark({ managers }: Tool, found: readonly string[]): string | undefined {
  const manager = managers && found.find((name) => managers.test(name));
  return manager && `field manager ${manager}`;
}

/** @returns the field managers that own one of the data keys, oldest first, kubectl and rekey included */
export function managersOf({ metadata }: Secret, dataKeys: readonly string[]): readonly string[] {
  const owners = (metadata.managedFields ?? []).filter((entry) =>
    dataKeysOf(entry).some((name) => dataKeys.includes(name)),
  );
  return owners.flatMap(({ manager }) => manager ?? []);
}

/** @returns when a manager of the data key last changed one of its fields, milliseconds since the epoch */
export function lastChangeOf({ metadata }: Secret, dataKey: string): number | undefined {
  const owner = (metadata.managedFields ?? []).findLast((entry) => dataKeysOf(entry).includes(dataKey));
  const at = Date.parse(owner?.time ?? '');
  return Number.isNaN(at) ? undefined : at;
}

/** The data keys that an entry of managedFields owns. */
export function dataKeysOf({ fieldsV1 }: ManagedFieldsEntry): readonly string[] {
  // after a server-side apply of stringData, managedFields lists stringData and not the data that it became
  const { 'f:data': data, 'f:stringData': text } = (fieldsV1 ?? {}) as Readonly<Record<string, object | undefined>>;
  return [...Object.keys(data ?? {}), ...Object.keys(text ?? {})].flatMap((field) =>
    field.startsWith('f:') ? [field.slice(2)] : [],
  );
}
