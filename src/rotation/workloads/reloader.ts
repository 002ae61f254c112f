/**
 * Reloader restarts workloads when a Secret changes, if their annotations request it. rekey sets
 * `reloader.stakater.com/ignore: "true"` on the Secret, which overrides every annotation of a workload. But a Reloader
 * from before July 2025 does not know this annotation, and a flag can rename it.
 *
 * @see https://docs.stakater.com/reloader/1.4/reference/annotations.html
 */
import { defined } from '../../base/objects.ts';

type Annotations = Readonly<Record<string, string>> | undefined;

const AUTO = ['reloader.stakater.com/auto', 'secret.reloader.stakater.com/auto'] as const;
const NAMED = 'secret.reloader.stakater.com/reload';
const SEARCH = 'reloader.stakater.com/search';
const EXCLUDED = 'secrets.exclude.reloader.stakater.com/reload';

/** What a workload requests of Reloader. */
export interface ReloaderView {
  /** The annotation that requests a restart when any Secret of the workload changes. */
  readonly auto?: string;
  /** Names of Secrets, or patterns. */
  readonly named: readonly string[];
  readonly excluded: readonly string[];
}

/** @returns undefined if nothing is requested of Reloader. The template counts if the workload has no annotation */
export function reloaderView(workload: Annotations, template: Annotations): ReloaderView | undefined {
  const asks = [...AUTO, NAMED, SEARCH].some((name) => workload?.[name] !== undefined);
  const annotations = asks ? workload : template;
  const auto = AUTO.find((name) => /^(1|t|true)$/i.test(annotations?.[name] ?? ''));
  const named = listed(annotations?.[NAMED]);
  if (auto === undefined && named.length === 0) return undefined;
  return { ...defined({ auto }), named, excluded: listed(workload?.[EXCLUDED]) };
}

function listed(text = ''): readonly string[] {
  return text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

/** @returns the annotation by which a change of the Secret restarts the workload */
export function reloadedBy(view: ReloaderView | undefined, secretName: string): string | undefined {
  if (view === undefined || view.excluded.includes(secretName)) return undefined;
  // anything that is not a name of a Secret is a pattern, and may match this one
  if (view.named.some((name) => name === secretName || !/^[a-z0-9.-]+$/.test(name))) return NAMED;
  return view.auto;
}
