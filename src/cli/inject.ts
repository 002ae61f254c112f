/**
 * `inject`: prints what makes the targets of a rotation load the preload. It reads workloads, and changes nothing.
 */
import { dump } from 'js-yaml';
import type { JwtKeyRotation } from '../rotation/api/names.ts';
import { injectionOf, type Names } from '../rotation/people/injection.ts';
import type { Operations } from '../rotation/people/operations.ts';
import { CONFIG_MAP, type Language } from '../rotation/people/preload.ts';
import { oneLine } from '../rotation/people/text.ts';
import { settingsOf, type WorkloadKind } from '../rotation/settings/settings.ts';
import { specFindings } from '../rotation/settings/spec-checks.ts';
import { clusterFlags, rekeyCommand } from './pasted.ts';
import { CommandError, EXIT, type Exit, type Terminal } from './terminal.ts';

/** A name for --target beside those of the targets. */
const CONFIG = 'ConfigMap';
/** Of a Rollout, the API server cannot merge a part of its containers. */
const KINDS: readonly WorkloadKind[] = ['Deployment', 'StatefulSet', 'DaemonSet'];

export interface InjectOptions {
  readonly language?: Language;
  readonly dryRun?: true;
  /** KIND/NAME of a target, or {@link CONFIG}; all if absent. */
  readonly target?: string;
}

interface Target {
  readonly kind: WorkloadKind;
  readonly name: string;
}

/** @returns failed if nothing can be injected into one of the targets; the others are printed */
export async function inject(
  operations: Operations,
  terminal: Terminal,
  name: string,
  options: InjectOptions,
): Promise<Exit> {
  const { language, dryRun } = options;
  if (language === undefined) throw new CommandError('give --language node, python or ruby', EXIT.usage);
  const resource = await operations.get(name);
  const { targets, names } = understood(resource);
  if (!dryRun) throw new CommandError(howToApply(operations.namespace, name, language, targets), EXIT.usage);
  const documents: object[] =
    options.target === undefined || options.target === CONFIG ? [configMapIn(operations)] : [];
  const refused: string[] = [];
  for (const target of chosen(targets, options.target)) {
    const found = await injectionFor(operations, target, names, language);
    if ('refused' in found) refused.push(found.refused);
    else documents.push(found.patch);
    for (const line of 'refused' in found ? [found.refused] : found.notes) terminal.printErr(`${oneLine(line)}\n`);
  }
  terminal.print(documents.map((document) => dump(document, { lineWidth: -1, noRefs: true })).join('---\n'));
  return refused.length === 0 ? EXIT.done : EXIT.failed;
}

/**
 * Not a server-side apply: of a workload that was applied by the client before, kubectl would take over all fields, and with the
 * next apply remove those that are not printed.
 */
function howToApply(namespace: string, name: string, language: Language, targets: readonly Target[]): string {
  const resource = { metadata: { name, namespace } };
  const printed = (target: string) =>
    rekeyCommand('inject', resource, `--language ${language} --target ${target} --dry-run`);
  const patches = targets
    .filter(({ kind }) => KINDS.includes(kind))
    .map(
      (target) =>
        `kubectl patch -n ${namespace}${clusterFlags()} ${target.kind} ${target.name} --patch "$(${printed(`${target.kind}/${target.name}`)})"`,
    );
  const commands = [`${printed(CONFIG)} | kubectl apply${clusterFlags()} -f -`, ...patches].join('; ');
  return `inject applies nothing by itself. Put what --dry-run prints into your manifests, or try it by hand: ${commands}`;
}

function configMapIn({ namespace }: Operations): object {
  const { metadata, ...rest } = CONFIG_MAP;
  return { ...rest, metadata: { ...metadata, namespace } };
}

function understood({ spec }: JwtKeyRotation): { readonly targets: readonly Target[]; readonly names: Names } {
  const [invalid] = specFindings(spec);
  if (invalid !== undefined) throw new CommandError(invalid.message, EXIT.failed);
  const { targets, ...names } = settingsOf(spec);
  if (names.fallbacksName === '') {
    const message = 'spec.secretKeys.fallbacks is empty: the preload needs the list of the fallbacks';
    throw new CommandError(message, EXIT.failed);
  }
  return { targets, names };
}

/** @throws CommandError usage if the target is not one of the rotation */
function chosen(targets: readonly Target[], wanted: string | undefined): readonly Target[] {
  if (wanted === undefined) return targets;
  if (wanted === CONFIG) return [];
  const found = targets.filter(({ kind, name }) => `${kind}/${name}`.toLowerCase() === wanted.toLowerCase());
  if (found.length > 0) return found;
  const shown = targets.map(({ kind, name }) => `${kind}/${name}`).join(', ');
  throw new CommandError(
    `--target ${wanted}: not a target of this rotation; these are: ${shown}; or ${CONFIG}`,
    EXIT.usage,
  );
}

async function injectionFor(operations: Operations, { kind, name }: Target, names: Names, language: Language) {
  const shown = `${kind}/${name}`;
  if (!KINDS.includes(kind))
    return { refused: `${shown}: inject prints no patch of this kind; add it to the manifest` };
  const object = await operations.workload(kind, name);
  return injectionOf(shown, { ...object, apiVersion: 'apps/v1', kind }, names, language);
}
