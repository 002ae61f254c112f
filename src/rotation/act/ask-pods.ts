/** Asks pods by canaries which keys they accept. It reads the keys from the Secret, and overwrites them afterwards. */
import pLimit from 'p-limit';
import type { KubeClient } from '../../kube/client.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Facts, PodOf, Probe } from '../facts.ts';
import { currentShape, type Keyset, type Kid, keyIn } from '../keyset/keyset.ts';
import { getSecret } from '../observe/world.ts';
import { FILE_TIMES } from '../secret/canary-question.ts';
import { canaryUrl } from '../secret/canary-request.ts';
import { CanarySender, type Inquiry } from '../secret/canary-sender.ts';
import { destroyAll, type KeyMaterial } from '../secret/keys.ts';
import { burntMaterialsOf, materialsOf, readSecret } from '../secret/secret.ts';
import type { Settings } from '../settings/settings.ts';
import { type AppCheck, checkApps } from './check-apps.ts';
import { type CanaryCheck, checkCanaries } from './check-canaries.ts';
import type { RetiredKeys } from './write-secret.ts';

/** Pods asked in parallel. */
const PODS_AT_ONCE = 32;

export interface PodAskerOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  /** The latest possible time by the clock of the API server, milliseconds since the epoch. */
  readonly now: () => number;
}

/** One instance asks the pods of all resources. */
export class PodAsker {
  readonly #options: PodAskerOptions;
  readonly #canaries: CanarySender;
  /** For mounted files: a kept connection would always reach the same process. */
  readonly #fresh: CanarySender;

  constructor(options: PodAskerOptions) {
    this.#options = options;
    this.#canaries = new CanarySender(options.clock);
    this.#fresh = new CanarySender(options.clock, 'fresh');
  }

  async close(): Promise<void> {
    await Promise.all([this.#canaries.close(), this.#fresh.close()]);
  }

  /** Asks each pod once, for a person. */
  check(namespace: string, facts: Facts): Promise<CanaryCheck> {
    const { client, now } = this.#options;
    return checkCanaries({ client, now, sender: this.#canaries }, namespace, facts);
  }

  /** Asks one pod of each target, or of one target, which tokens it accepts, for a person. */
  checkApps(namespace: string, facts: Facts, target: string | undefined, signal: AbortSignal): Promise<AppCheck> {
    const { client, now } = this.#options;
    return checkApps({ client, now, sender: this.#canaries, signal }, namespace, facts, target);
  }

  /**
   * @param retired keys that have just left the Secret
   * @param cut once it is aborted nothing more is sent, and pods that have not answered all yet are left out
   * @returns the answers by the incarnation of the pod; undefined if the Secret has changed since the question was
   *   chosen
   */
  async ask(
    namespace: string,
    { settings, secret: seen }: Facts,
    pods: readonly PodOf[],
    retired: RetiredKeys | undefined,
    cut?: AbortSignal,
  ): Promise<ReadonlyMap<string, Probe> | undefined> {
    const secret = await getSecret(this.#options.client, namespace, settings.secretName);
    const reading = readSecret(secret, settings);
    if (secret === undefined || reading.kind !== 'Managed' || seen.kind !== 'Managed') return undefined;
    const { keyset } = reading;
    // answers about another keyset would not be those that were wanted, and would be asked for again without end
    if (keyset.version !== seen.keyset.version || keyset.phase !== seen.keyset.phase) return undefined;
    const own = new Map([...materialsOf(secret, keyset, settings), ...burntMaterialsOf(secret, keyset)]);
    using held = new DisposableStack();
    held.defer(() => destroyAll(own.values()));
    const keys = byWeight(keyset, new Map([...own, ...(retired ?? [])]));
    const { sign } = currentShape(keyset);
    const probes = new Map<string, Probe>();
    const ask = async (row: PodOf): Promise<void> => {
      if (cut?.aborted) return;
      const probe = await this.#probe(row, settings, { version: keyset.version, sign, keys, cut });
      if (probe !== undefined && !cut?.aborted) probes.set(row.pod.incarnation, probe);
    };
    const inTurn = pLimit(PODS_AT_ONCE);
    await Promise.all(pods.map((row) => inTurn(ask, row)));
    return probes;
  }

  /** @returns its answers; undefined if it cannot be asked */
  async #probe(
    { target, pod }: PodOf,
    { algorithm, clockSkewMs }: Settings,
    about: Pick<Inquiry, 'version' | 'sign' | 'keys' | 'cut'>,
  ): Promise<Probe | undefined> {
    const { canary, source } = target.settings;
    if (canary === undefined || pod.address === undefined || pod.port === undefined) return undefined;
    const inquiry = {
      ...about,
      ...{ url: canaryUrl(pod.address, pod.port, canary), form: canary, ready: pod.ready },
      ...{ tokens: { algorithm, clockSkewMs, claims: canary.claims }, before: pod.probe },
    };
    const { now } = this.#options;
    // the environment of a container never changes, and all its processes have the same
    return source === 'File'
      ? this.#fresh.probe({ ...inquiry, times: FILE_TIMES }, now)
      : this.#canaries.probe(inquiry, now);
  }
}

/** Keys that must be refused come first, then the ack key, which shows the version, then the key in use. */
function byWeight(keyset: Keyset, keys: ReadonlyMap<Kid, KeyMaterial>): ReadonlyMap<Kid, KeyMaterial> {
  const { verify, sign } = currentShape(keyset);
  const first = [keyIn(keyset, 'ack')?.kid, sign];
  const weight = (kid: Kid) =>
    verify.includes(kid) ? (first.includes(kid) ? first.indexOf(kid) + 1 : first.length + 1) : 0;
  return new Map([...keys].toSorted(([a], [b]) => weight(a) - weight(b)));
}
