/**
 * What is kept of a keyset in the annotations: nothing that can be held is forgotten, and it comes back as it was.
 */
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { visible } from '../../src/kube/printable.ts';
import {
  type Acked,
  compact,
  type KeyRecord,
  type Keyset,
  type Kid,
  possible,
  type RotationRecord,
  type Shape,
} from '../../src/rotation/keyset/keyset.ts';
import { encodeState, parseState } from '../../src/rotation/keyset/state.ts';
import { settings } from './settings.ts';

const time = fc.integer({ min: 0, max: 4_102_444_800_000 });
const count = fc.nat(1_000_000);
const kid: fc.Arbitrary<Kid> = fc.constantFrom('k-1', 'k-2', 'k-3');
const acks: fc.Arbitrary<Acked> = fc.record({ Signer: fc.nat(12), Verifier: fc.nat(12) });

/** Ascending versions with gaps, as after a compaction; each with an ack key of its own. */
const histories: fc.Arbitrary<readonly Shape[]> = fc
  .array(fc.record({ gap: fc.integer({ min: 1, max: 3 }), writtenAt: time, sign: kid, others: fc.uniqueArray(kid) }), {
    minLength: 1,
    maxLength: 8,
  })
  .map((shapes) => {
    let version = -1;
    return shapes.map(({ gap, writtenAt, sign, others }) => {
      version += gap;
      return { version, writtenAt, sign, verify: [...new Set([sign, ...others]), `n-${version}`] };
    });
  });

/** @throws if a shape that a container may hold is dropped, or told wrongly */
export function compactForgetsNothing(runs: number): void {
  fc.assert(
    fc.property(histories, acks, fc.uniqueArray(kid), (history, acked, kids) => {
      const alive = new Set([...kids, `n-${history.at(-1)?.version}`]);
      const kept = compact(history, acked, alive);
      if (kept.at(-1)?.version !== history.at(-1)?.version) throw new Error('I4: the newest shape is lost');
      for (const role of ['Signer', 'Verifier'] as const) {
        const poss = possible(kept, acked[role]);
        for (const shape of possible(history, acked[role])) {
          const told = poss.findLast(({ version }) => version <= shape.version);
          const known = (one: Shape) => one.verify.filter((each) => alive.has(each) || each === one.sign).sort();
          const same = told && told.sign === shape.sign && isDeepStrictEqual(known(told), known(shape));
          if (!same)
            throw new Error(`I4: a ${role} may hold version ${shape.version}, and it is told as ${told?.version}`);
        }
      }
    }),
    settings(runs),
  );
}

/** As it is kept: what cannot be seen is written out from where it is read. */
const text = fc.string({ unit: 'grapheme', maxLength: 12 }).map(visible);
const keys: fc.Arbitrary<KeyRecord> = fc.record(
  {
    ...{ kid: text, fingerprint: text, createdAt: time, lastSignerExit: time },
    state: fc.constantFrom('staged', 'signing', 'draining', 'found', 'ack'),
  },
  { requiredKeys: ['kid', 'fingerprint', 'createdAt', 'state'] },
);
const rotations: fc.Arbitrary<RotationRecord> = fc.record(
  {
    ...{ id: text, actor: text, reason: text, from: text, to: text, startedAt: time, drainMs: count, finishedAt: time },
    keyBytes: count,
    trigger: fc.constantFrom('Schedule', 'Annotation', 'ForceRotation'),
    failure: fc.record({ reason: text, message: text }),
    outcome: fc.constantFrom('Completed', 'Aborted', 'RolledBack'),
  },
  { requiredKeys: ['id', 'actor', 'reason', 'from', 'to', 'startedAt', 'drainMs', 'trigger'] },
);

const keysets: fc.Arbitrary<Keyset> = fc
  .record(
    {
      ...{ history: histories, keys: fc.array(keys, { maxLength: 4 }), acked: acks, rotation: rotations },
      phase: fc.constantFrom('Steady', 'Staging', 'Promoting', 'Draining', 'Retiring', 'Aborting', 'Burning'),
      handled: fc.record(
        {
          ...{ rotateAt: text, abortAt: text, withdrawAt: text, forceReason: text, emergencies: fc.array(text) },
          withdrawn: fc.record({ rotateAt: text, forceReason: text }, { requiredKeys: [] }),
        },
        { requiredKeys: [] },
      ),
      attempts: fc.record(
        { since: time, rotatedAt: time, failures: count, failedAt: time },
        { requiredKeys: ['since', 'failures'] },
      ),
      burnt: fc.array(fc.record({ kid: text, fingerprint: text, burntAt: time }), { maxLength: 3 }),
      emergency: fc.record(
        {
          ...{ nonce: text, reason: text, writtenAt: time, goneAt: time },
          ...{ residue: fc.array(text, { maxLength: 3 }), residueIncomplete: text },
        },
        { requiredKeys: ['nonce', 'reason', 'writtenAt'] },
      ),
    },
    { requiredKeys: ['history', 'keys', 'acked', 'phase', 'handled', 'attempts', 'burnt'] },
  )
  // as JSON has it: no undefined, no foreign prototype
  .map((keyset) => JSON.parse(JSON.stringify({ ...keyset, version: keyset.history.at(-1)?.version ?? 0 })) as Keyset);

/** @throws if a keyset does not come back from its annotations as it was */
export function stateComesBack(runs: number): void {
  fc.assert(
    fc.property(keysets, (keyset) => {
      const back = parseState(encodeState(keyset));
      if (!isDeepStrictEqual(back, keyset)) {
        throw new Error(`I10: ${JSON.stringify(keyset)} comes back as ${JSON.stringify(back)}`);
      }
    }),
    settings(runs),
  );
}
