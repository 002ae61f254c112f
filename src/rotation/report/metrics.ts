/**
 * Metrics of rotations. Gauges are written at each scrape from the last observation of each resource, so that the series of
 * a deleted resource end with it. The number of resources with series of their own is bounded.
 */
import { Counter, type Registry } from '@prometheus-io/client';
import type { JwtKeyRotationStatus } from '../api/types.ts';
import type { Answer, Facts } from '../facts.ts';
import { keyIn } from '../keyset/keyset.ts';
import type { Assessment } from '../plan/decision.ts';
import { NOTIFICATION_RESULTS, type NotificationResult } from './notifications.ts';
import { type Family, labelText, type Sample, seriesText } from './series.ts';

export interface ResourceLabels {
  readonly namespace: string;
  readonly name: string;
}

type Labels = Readonly<Record<string, string>>;

/** What was last observed of a resource. */
interface Observed {
  readonly labels: ResourceLabels;
  readonly status: JwtKeyRotationStatus;
  /** Absent with an invalid spec, as is the assessment: then nothing is known of the world. */
  readonly facts?: Facts;
  readonly assessment?: Assessment;
}

/** What is kept of an observation: the samples in the order of the gauges. */
interface Row {
  readonly labels: string;
  readonly samples: readonly (readonly Sample[])[];
  readonly rests: boolean;
}

const RESOURCE = ['namespace', 'name'];

interface GaugeOf {
  readonly name: string;
  readonly help: string;
  readonly samples: (of: Observed) => readonly Sample[];
}

const GAUGES: readonly GaugeOf[] = [
  {
    name: 'rekey_next_rotation_timestamp_seconds',
    help: 'When the next rotation is due.',
    samples: ({ facts }) => seconds(facts?.due.next),
  },
  {
    name: 'rekey_missed_run_timestamp_seconds',
    help: 'The scheduled start that was missed.',
    samples: ({ facts }) => seconds(facts?.offSchedule?.missedRun),
  },
  {
    name: 'rekey_last_success_timestamp_seconds',
    help: 'When a rotation was last completed.',
    samples: ({ facts }) => seconds(keysetOf(facts)?.attempts.rotatedAt),
  },
  {
    name: 'rekey_key_created_timestamp_seconds',
    help: 'When the signing key was made or adopted.',
    samples: ({ facts }) => {
      const keyset = keysetOf(facts);
      return seconds(keyset && keyIn(keyset, 'signing')?.createdAt);
    },
  },
  {
    name: 'rekey_phase',
    help: '1 for the current phase of the resource.',
    samples: ({ status: { phase } }) => (phase === undefined ? [] : [[1, { phase }]]),
  },
  {
    name: 'rekey_unacked_pods',
    help: 'Live pods of which the phase requires keys, and which are not known to hold them.',
    samples: unacked,
  },
  { name: 'rekey_burnt_key_accepting_pods', help: 'Live pods that may accept a burnt key.', samples: burning },
  {
    name: 'rekey_clock_offset_seconds',
    help: 'Clock of the API server minus clock of the operator.',
    samples: ({ facts }) => seconds(facts?.clockOffsetMs),
  },
  {
    name: 'rekey_emergency_seconds',
    help: 'Time from the new key to the recorded proof that no pod accepts a burnt one, in the last emergency: at most so long was one accepted.',
    samples: ({ status: { emergency } }) => (emergency?.seconds === undefined ? [] : [[emergency.seconds]]),
  },
  {
    name: 'rekey_resource_condition',
    help: '1 for the current status of a condition.',
    samples: ({ status: { conditions = [] } }) => conditions.map(({ type, status }) => [1, { type, status }]),
  },
  {
    name: 'rekey_key_info',
    help: 'Keys by fingerprint.',
    samples: ({ facts }) => keyInfo(facts),
  },
];

/** The metrics of rotations. Names are API: see docs/reference/metrics.md. */
export class RotationMetrics {
  readonly #rotations: Counter<string>;
  readonly #restarts: Counter<string>;
  readonly #canaries: Counter<string>;
  readonly #writes: Counter<string>;
  readonly #notifications: Counter<string>;
  readonly #most: number;
  readonly #observed = new Map<string, Row>();
  /** What is counted of each resource whose counters have its labels: the labels by their text. */
  readonly #counted = new Map<string, Map<Counter<string>, Map<string, Labels>>>();

  /** @param most so many resources have series of their own */
  constructor(registry: Registry, most: number) {
    this.#most = most;
    const registers = [registry];
    const counter = (name: string, help: string, ...labels: string[]) =>
      new Counter({ name, help, labelNames: [...RESOURCE, ...labels], registers });
    this.#rotations = counter('rekey_rotation_total', 'Rotations that ended.', 'outcome', 'trigger');
    this.#restarts = counter('rekey_rollout_restarts_total', 'Rolling restarts of workloads.', 'kind', 'workload');
    this.#canaries = counter('rekey_canary_total', 'Answers of pods to canaries.', 'result');
    this.#writes = counter('rekey_secret_writes_total', 'Writes of the Secret.', 'transition');
    this.#notifications = counter('rekey_notification_total', 'Attempts to deliver notifications.', 'result');
  }

  /**
   * @param pause awaited now and then, so that a scrape of many resources blocks nothing
   * @returns the gauges, in the Prometheus text format
   */
  async text(pause: () => Promise<void>): Promise<string> {
    const rows = this.#rows();
    const left = this.#observed.size - rows.length;
    const families: readonly Family[] = [
      { name: 'rekey_resources', help: 'Resources that were reconciled.', rows: [own(this.#observed.size)] },
      { name: 'rekey_resources_without_series', help: 'Resources without series of their own.', rows: [own(left)] },
      ...GAUGES.map(({ name, help }, i) => ({
        ...{ name, help },
        rows: rows.map(({ labels, samples }) => ({ labels, samples: samples[i] ?? [] })),
      })),
    ];
    return seriesText(families, pause);
  }

  /** Those that do not rest come first. */
  #rows(): readonly Row[] {
    const all = [...this.#observed.values()];
    if (all.length <= this.#most) return all;
    const [moving, resting] = [all.filter(({ rests }) => !rests), all.filter(({ rests }) => rests)];
    return [...moving, ...resting].slice(0, this.#most);
  }

  /** Counters of further resources are summed up, under empty labels. */
  #count(counter: Counter<string>, { namespace, name }: ResourceLabels, of: Labels, by = 1): void {
    const key = `${namespace}/${name}`;
    const known = this.#counted.get(key);
    if (known === undefined && this.#counted.size >= this.#most) {
      counter.inc({ namespace: '', name: '', ...of }, by);
      return;
    }
    const labels = { namespace, name, ...of };
    counter.inc(labels, by);
    const counted = known ?? new Map<Counter<string>, Map<string, Labels>>();
    const series = counted.get(counter) ?? new Map<string, Labels>();
    this.#counted.set(key, counted.set(counter, series.set(labelText(labels), labels)));
  }

  rotationEnded(labels: ResourceLabels, outcome: string, trigger: string): void {
    this.#count(this.#rotations, labels, { outcome, trigger });
  }

  restarted(labels: ResourceLabels, kind: string, workload: string): void {
    this.#count(this.#restarts, labels, { kind, workload });
  }

  answered(labels: ResourceLabels, result: Answer): void {
    this.#count(this.#canaries, labels, { result });
  }

  wrote(labels: ResourceLabels, transition: string): void {
    this.#count(this.#writes, labels, { transition });
  }

  /**
   * The counts of a resource that has receivers begin at 0: Prometheus takes a count that begins at 1 for no increase.
   *
   * @see https://prometheus.io/docs/practices/instrumentation/#avoid-missing-metrics
   */
  hasReceivers(labels: ResourceLabels): void {
    for (const result of NOTIFICATION_RESULTS) this.#count(this.#notifications, labels, { result }, 0);
  }

  notified(labels: ResourceLabels, result: NotificationResult): void {
    this.#count(this.#notifications, labels, { result });
  }

  observed(key: string, observed: Observed): void {
    const samples = GAUGES.map((gauge) => gauge.samples(observed));
    const rests = observed.status.phase === 'Steady' && observed.facts !== undefined;
    // only numbers are kept, and none of the facts
    this.#observed.set(key, { labels: labelText({ ...observed.labels }), samples, rests });
  }

  /** Ends all series of a resource, so that another one may have its own. */
  forget(key: string): void {
    this.#observed.delete(key);
    for (const [counter, series] of this.#counted.get(key) ?? []) {
      for (const labels of series.values()) counter.remove({ ...labels });
    }
    this.#counted.delete(key);
  }
}

function keysetOf(facts: Facts | undefined) {
  return facts?.secret.kind === 'Managed' ? facts.secret.keyset : undefined;
}

function seconds(ms: number | undefined): readonly Sample[] {
  return ms === undefined ? [] : [[ms / 1000]];
}

/** Only a known keyset has a phase that requires anything. */
function unacked({ facts, assessment }: Observed): readonly Sample[] {
  if (keysetOf(facts) === undefined || assessment === undefined) return [];
  return [[missingIn(assessment)]];
}

function missingIn({ targets }: Assessment): number {
  return targets.reduce((sum, { missing }) => sum + missing, 0);
}

/** Includes pods that have loaded the new key and still accept a burnt one. */
function burning({ facts, assessment }: Observed): readonly Sample[] {
  const keyset = keysetOf(facts);
  if (keyset?.emergency === undefined || assessment === undefined) return [];
  if (keyset.phase !== 'Burning') return [[0]];
  return [[missingIn(assessment)]];
}

function keyInfo(facts: Facts | undefined): readonly Sample[] {
  const keys = keysetOf(facts)?.keys.filter(({ state }) => state !== 'ack') ?? [];
  const environment = facts?.settings.environment ?? '';
  return keys.map(({ fingerprint, state }) => [1, { fingerprint, environment, state }]);
}

function own(value: number): Family['rows'][number] {
  return { labels: '', samples: [[value]] };
}
