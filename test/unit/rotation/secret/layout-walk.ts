/** A Secret as rekey leaves it in each phase of a rotation, with real keys, for tests of what services read in it. */
import type { Secret } from '../../../../src/kube/types.ts';
import { foundKeyset } from '../../../../src/rotation/keyset/before.ts';
import type { KeyState, Keyset } from '../../../../src/rotation/keyset/keyset.ts';
import { advance } from '../../../../src/rotation/keyset/transition.ts';
import type { Write } from '../../../../src/rotation/keyset/writes.ts';
import { nameKey, newKey } from '../../../../src/rotation/secret/keys.ts';
import { patchFor } from '../../../../src/rotation/secret/secret.ts';
import type { Settings } from '../../../../src/rotation/settings/settings.ts';
import { T0, WRITES } from '../builders.ts';

const { adopt, stage, promote, drain, retire } = WRITES;
const failure = { reason: 'x', message: '' };
const acked = { Signer: 0, Verifier: 0 };
const rotation = { ...stage.rotation, trigger: 'Emergency' } as const;
const abort = { transition: 'abort', acked, failure, handled: {} } as const;
const rollback = { transition: 'rollback', acked, failure, handled: {} } as const;
const burn = { transition: 'burn', nonce: 'n', rotation, version: 0 } as const;
const cutover = { transition: 'cutover', handled: {}, rotation } as const;

/** The writes up to each phase, and the states of the keys that are accepted then besides the one that signs, in order. */
export const PHASES: readonly (readonly [phase: string, writes: readonly Write[], others: readonly KeyState[]])[] = [
  ['adopt', [adopt], ['ack']],
  ['stage', [adopt, stage], ['staged', 'ack']],
  ['abort', [adopt, stage, abort], ['ack']],
  ['promote', [adopt, stage, promote], ['draining', 'ack']],
  ['rollback', [adopt, stage, promote, rollback], ['draining', 'ack']],
  ['drain', [adopt, stage, promote, drain], ['draining', 'ack']],
  ['retire', [adopt, stage, promote, drain, retire], ['ack']],
  ['retire with preStage', [adopt, stage, promote, drain, { ...retire, preStage: true }], ['staged', 'ack']],
  ['cutover', [adopt, stage, cutover], ['ack']],
  ['burn', [adopt, stage, promote, burn], ['ack']],
];

export interface Walked {
  readonly secret: Secret;
  readonly keyset: Keyset;
  /** The text of a data key; undefined if it is absent. */
  readonly text: (name: string) => string | undefined;
  /** The state of the key with this text; undefined if there is none. */
  readonly stateOf: (text: string) => KeyState | undefined;
  /** The text of every key that was made on the way, by key id. */
  readonly texts: ReadonlyMap<string, string>;
}

/** @returns the Secret after these writes */
export function walked(writes: readonly Write[], settings: Settings): Walked {
  const first = nameKey(newKey(32).material, 'k-a');
  let keyset = foundKeyset(first, [], 0, T0);
  const materials = new Map([['k-a', first.material]]);
  for (const write of writes) {
    const [key, ack] = [newKey(32), newKey(32)];
    for (const { kid, material } of [key, ack]) materials.set(kid, material);
    keyset = advance(keyset, write, { key, ack }, T0);
  }
  const { metadata, data = {} } = patchFor(keyset, materials, settings);
  const annotations = Object.entries(metadata.annotations).flatMap(([name, value]) =>
    value === null ? [] : [[name, value] as const],
  );
  const texts = new Map([...materials].map(([kid, material]) => [kid, material.use((bytes) => bytes.toString())]));
  const values = Object.entries(data).flatMap(([name, value]) => (value === null ? [] : [[name, value] as const]));
  const secret: Secret = {
    metadata: { name: 'jwt', namespace: 'x', resourceVersion: '1', annotations: Object.fromEntries(annotations) },
    data: Object.fromEntries(values),
  };
  return {
    ...{ secret, keyset, texts },
    text: (name) => {
      const encoded = secret.data?.[name];
      return encoded === undefined ? undefined : Buffer.from(encoded, 'base64').toString();
    },
    stateOf: (text) => keyset.keys.find(({ kid }) => texts.get(kid) === text)?.state,
  };
}
