/**
 * The safe-write rule and the invariants of protocol.md section 7, judged by what containers really held and not by what
 * the operator thought. Order is that of resourceVersions, so no clock is trusted but for the life of tokens.
 */
import type { Evidence, Oracle } from '../evidence.ts';
import { TOKEN_TTL_SECONDS } from '../fleet.ts';
import { type SecretRecord, verifyOf } from '../history.ts';
import type { Life } from '../life.ts';
import type { Workload } from '../plan.ts';

/** Versions that an operator wrote, each with the one before it. */
function writes({ records }: Evidence): readonly { readonly before: SecretRecord; readonly after: SecretRecord }[] {
  return records.flatMap((after, i) => {
    const before = records[i - 1];
    return before === undefined || after.foreign ? [] : [{ before, after }];
  });
}

const changesKeys = ({ before, after }: { before: SecretRecord; after: SecretRecord }): boolean =>
  before.sign !== after.sign || before.fallbacks.join() !== after.fallbacks.join();

/**
 * Whether a container that lives at a write holds what was there before it: it started earlier, or it read a stale Secret
 * since. Which version it holds is told by the ack key that it accepts, since each version has one of its own.
 */
function holdsOlder(life: Life, write: SecretRecord, records: readonly SecretRecord[]): boolean {
  if (life.until !== undefined && life.until < write.resourceVersion) return false;
  if (life.from < write.resourceVersion) return true;
  const held = records.findLast(({ fallbacks }) => life.accepts.has(fallbacks.at(-1) ?? ''));
  return held !== undefined && held.resourceVersion < write.resourceVersion && held.version < write.version;
}

/** W1: every verifier that lives accepts who signs from now on, and every signer that lives is still accepted. */
export const w1: Oracle = (evidence) =>
  writes(evidence)
    .filter(changesKeys)
    .flatMap(({ after }) =>
      evidence.lives
        .filter((life) => holdsOlder(life, after, evidence.records))
        .flatMap((life) => [
          ...(life.refuses.has(after.sign)
            ? [`version ${after.version} (${after.phase}) signs with a key that ${life.pod} refuses`]
            : []),
          ...(life.signs !== undefined && !verifyOf(after).has(life.signs)
            ? [`version ${after.version} (${after.phase}) refuses the key with which ${life.pod} signs`]
            : []),
        ]),
    );

/** W2: a key leaves only when no container signs with it and the last token of it is dead. No key is ever lost. */
export const w2: Oracle = (evidence) => {
  const signed = new Set(evidence.records.map(({ sign }) => sign));
  for (const { signs } of evidence.lives) if (signs !== undefined) signed.add(signs);
  return writes(evidence).flatMap(({ before, after }) => {
    const gone = [...verifyOf(before)].filter((key) => signed.has(key) && !verifyOf(after).has(key));
    return gone.flatMap((key) => {
      const signers = evidence.lives.filter(({ signs }) => signs === key);
      const alive = signers.find(({ until }) => until === undefined || until > after.resourceVersion);
      if (alive !== undefined) return [`version ${after.version} drops a key with which ${alive.pod} still signs`];
      const lastExit = Math.max(0, ...signers.map(({ endedAt }) => endedAt ?? 0));
      const early = lastExit + TOKEN_TTL_SECONDS * 1000 - after.at;
      // a token says its end in whole seconds, so its last second is cut; and both times are when we saw it
      if (early <= 1_000) return [];
      return [`version ${after.version} drops a key ${early} ms before its last token is dead`];
    });
  });
};

/** What is concluded from the time of a write holds from when the API server took it, not from when it was sent. */
export const timesOfWrites: Oracle = (evidence) =>
  writes(evidence)
    .filter(changesKeys)
    .flatMap(({ after }) => {
      // the write itself cannot know; whoever writes next has seen it
      const later = evidence.records.filter(
        ({ phase, version, told }) => told.has(after.version) && !(version === after.version && phase === after.phase),
      );
      const early = later.map(({ told }) => after.takenAt - (told.get(after.version) ?? 0)).find((ms) => ms > 0);
      return early === undefined ? [] : [`version ${after.version} counts as written ${early} ms before it was`];
    });

/** I1: of any two containers that lived at the same time, one accepts what the other signs. */
export const everyPair: Oracle = ({ lives }) =>
  lives.flatMap((signer) => {
    const { signs } = signer;
    if (signs === undefined) return [];
    return lives
      .filter((verifier) => overlap(signer, verifier) && verifier.refuses.has(signs))
      .map((verifier) => `${verifier.pod} refuses what ${signer.pod} signs`);
  });

function overlap(a: Life, b: Life): boolean {
  return (b.until === undefined || a.from < b.until) && (a.until === undefined || b.from < a.until);
}

/**
 * In a leak one is staged, and another one made for the emergency: a staged key was in the Secret that leaked. Two rotations
 * make two.
 */
const KEYS: Readonly<Record<Workload, number>> = {
  ...{ rotate: 1, abort: 1, rollback: 1, emergency: 1, leak: 2, cutover: 1, preStage: 2, lazy: 2, files: 1 },
};

/** I9: a rotation makes one key, however often the operator crashes; every write of keys brings one ack key besides. */
export const oneKey: Oracle = (evidence) => {
  const fresh = evidence.keysAfter.filter((key) => key !== '' && !evidence.keysBefore.has(key));
  const foreign = new Set(
    evidence.records.filter((record) => record.foreign).flatMap((record) => [...verifyOf(record)]),
  );
  const made = fresh.filter((key) => !foreign.has(key)).length;
  const acks = writes(evidence).filter(changesKeys).length;
  const most = KEYS[evidence.plan.workload];
  return made - acks <= most ? [] : [`${made - acks} keys were made, not ${most}`];
};

/** Each write of keys has a higher version than all before it. */
export const versionRises: Oracle = (evidence) =>
  writes(evidence).flatMap(({ before, after }) => {
    if (after.version < before.version) return [`version ${after.version} follows on ${before.version}`];
    if (changesKeys({ before, after }) && after.version === before.version && !before.foreign) {
      return [`keys changed within version ${after.version}`];
    }
    return [];
  });

/** I6. */
export const burntDead: Oracle = (evidence) => deadAfter('Burning', 'burnt', evidence);

export const cutOffDead: Oracle = (evidence) => deadAfter('Switching', 'cut off', evidence);

/** No key that was in the Secret before is ever in it again, nor accepted by a container at the end. */
function deadAfter(replaced: string, what: string, { records, lives, ending }: Evidence): readonly string[] {
  const at = records.findIndex(({ phase, foreign }) => phase === replaced && !foreign);
  const last = records.at(-1);
  if (at < 0 || last === undefined) return [`no key was ${what}`];
  const burnt = new Set(records.slice(0, at).flatMap((record) => [...verifyOf(record)]));
  const back = records.slice(at).find((record) => [...verifyOf(record)].some((key) => burnt.has(key)));
  const alive = lives.filter(({ until }) => until === undefined || until > last.resourceVersion);
  const deaf = ending.ended ? alive.filter(({ accepts }) => [...accepts].some((key) => burnt.has(key))) : [];
  return [
    ...(back === undefined ? [] : [`version ${back.version} (${back.phase}) holds a key that was ${what}`]),
    ...deaf.map(({ pod }) => `it is over and ${pod} accepts a key that was ${what}`),
  ];
}
