/**
 * The safe-write rule by itself: whatever is written, in whatever order, I1 and I2 hold as long as the rule allowed it.
 *
 * Containers of all roles, each on a node of its own whose Secret never goes back. What is acknowledged is the truth; the
 * youngest token of every key is as young as can be.
 */
import fc from 'fast-check';
import {
  compact,
  type KeyRecord,
  type Keyset,
  type Kid,
  type Role,
  type Shape,
} from '../../src/rotation/keyset/keyset.ts';
import { unsafeReasons } from '../../src/rotation/plan/safe-write.ts';
import { settings } from './settings.ts';

const DRAIN_MS = 1_000;
const KIDS: readonly Kid[] = ['A', 'B', 'C'];
const CONTAINERS: readonly (readonly Role[])[] = [['Signer', 'Verifier'], ['Verifier'], ['Signer']];

type Deed =
  | { readonly kind: 'write'; readonly sign: number; readonly verify: number }
  | { readonly kind: 'restart'; readonly container: number; readonly step: number }
  | { readonly kind: 'wait'; readonly ms: number };

interface Container {
  readonly roles: readonly Role[];
  loaded: Shape;
}

class Abstract {
  #now = 0;
  readonly #written: Shape[] = [{ version: 0, writtenAt: 0, sign: 'A', verify: ['A'] }];
  #keyset: Keyset;
  readonly #containers: Container[];
  /** When the last container that signed with a key was gone. */
  readonly #signedUntil = new Map<Kid, number>();
  readonly #everSigned = new Set<Kid>(['A']);

  constructor() {
    const history = [...this.#written];
    const keys = [this.#record('A', 'A')];
    this.#containers = CONTAINERS.map((roles) => ({ roles, loaded: this.#newest() }));
    this.#keyset = {
      ...{ version: 0, phase: 'Steady', keys, acked: { Signer: 0, Verifier: 0 }, history, handled: {} },
      attempts: { since: 0, failures: 0 },
      burnt: [],
    };
  }

  /** @returns whether the rule allowed it */
  do(deed: Deed): boolean {
    if (deed.kind === 'wait') this.#now += deed.ms;
    if (deed.kind === 'restart') this.#restart(deed.container, deed.step);
    const done = deed.kind !== 'write' || this.#write(deed.sign, deed.verify);
    for (const { roles, loaded } of this.#containers) {
      if (roles.includes('Signer')) this.#signedUntil.set(loaded.sign, this.#now);
    }
    this.#judge();
    return done;
  }

  #newest(): Shape {
    return this.#written.at(-1) as Shape;
  }

  #restart(index: number, step: number): void {
    const container = this.#containers[index % this.#containers.length];
    const readable = container ? this.#written.filter(({ version }) => version >= container.loaded.version) : [];
    if (container) container.loaded = readable[step % readable.length] as Shape;
  }

  #write(sign: number, verify: number): boolean {
    const kid = KIDS[sign % KIDS.length] as Kid;
    const verified = KIDS.filter((other, i) => other === kid || (verify & (1 << i)) !== 0);
    const oldest = (role: Role) =>
      Math.min(...this.#containers.filter(({ roles }) => roles.includes(role)).map(({ loaded }) => loaded.version));
    const acked = { Signer: oldest('Signer'), Verifier: oldest('Verifier') };
    const current = this.#newest().sign;
    const keyset = { ...this.#keyset, keys: this.#newest().verify.map((other) => this.#record(other, current)) };
    const next = { sign: kid, verify: verified };
    if (unsafeReasons(keyset, acked, next, { now: this.#now, drainMs: DRAIN_MS }).length > 0) return false;
    const version = this.#newest().version + 1;
    this.#written.push({ version, writtenAt: this.#now, sign: kid, verify: verified });
    this.#everSigned.add(kid);
    const history = compact([...this.#keyset.history, this.#newest()], acked, new Set(verified));
    this.#keyset = { ...this.#keyset, version, acked, history, keys: [] };
    return true;
  }

  /** As the Secret would have it: the exit of the last signer is known once no container can sign with the key. */
  #record(kid: Kid, current: Kid): KeyRecord {
    const base = { kid, fingerprint: kid, createdAt: 0 };
    if (kid === current) return { ...base, state: 'signing' };
    if (!this.#everSigned.has(kid)) return { ...base, state: 'staged' };
    const signed = this.#containers.some(({ roles, loaded }) => roles.includes('Signer') && loaded.sign === kid);
    const exit = this.#signedUntil.get(kid) ?? 0;
    return signed ? { ...base, state: 'draining' } : { ...base, state: 'draining', lastSignerExit: exit };
  }

  #judge(): void {
    for (const { roles, loaded } of this.#containers) {
      if (!roles.includes('Verifier')) continue;
      for (const signer of this.#containers) {
        if (signer.roles.includes('Signer') && !loaded.verify.includes(signer.loaded.sign)) {
          throw new Error(
            `I1: version ${loaded.version} refuses ${signer.loaded.sign}, which a live container signs with`,
          );
        }
      }
      for (const [kid, until] of this.#signedUntil) {
        if (this.#now < until + DRAIN_MS && !loaded.verify.includes(kid)) {
          throw new Error(`I2: version ${loaded.version} refuses ${kid}, of which tokens are alive`);
        }
      }
    }
  }
}

const deeds: fc.Arbitrary<Deed> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('write'), sign: fc.nat(2), verify: fc.nat(7) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('restart'), container: fc.nat(2), step: fc.nat(9) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait'), ms: fc.constantFrom(1, 500, 999, 1_000) }) },
);

/**
 * @returns how many writes the rule allowed: none would prove nothing
 * @throws with the shortest failure that was found
 */
export function safeWritesAreSafe(runs: number): number {
  let allowed = 0;
  fc.assert(
    fc.property(fc.array(deeds, { maxLength: 60, size: 'max' }), (all) => {
      const world = new Abstract();
      for (const deed of all) if (world.do(deed) && deed.kind === 'write') allowed += 1;
    }),
    settings(runs),
  );
  return allowed;
}
