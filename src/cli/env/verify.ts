/**
 * `env verify`: asks every running service whether it accepts the keys in its file.
 */
import { type KeyFile, readEnvironment } from '../../env/environment.ts';
import { PROBES } from '../../env/evidence.ts';
import type { Answer, Probe } from '../../rotation/facts.ts';
import type { Kid } from '../../rotation/keyset/keyset.ts';
import { fingerprintOf, type KeyMaterial } from '../../rotation/secret/keys.ts';
import { columns } from '../output.ts';
import { EXIT, type Exit } from '../terminal.ts';
import type { Context } from './context.ts';

type Verdict = 'yes' | 'no' | 'unknown';

/** @returns done if each accepts every key in its file, failed if one does not, not ready if that is not known of one */
export async function verify({ config, environment, terminal, asker, session }: Context): Promise<Exit> {
  const { files } = await readEnvironment(config, environment);
  const asked = await Promise.all(
    files.map(async (file) => {
      const url = file.service.canary[environment];
      if (url === undefined) return { file, row: rowOf(file, 'unknown', 'it has no canary URL in rekey.yaml') };
      const keys = keysOf(file);
      const sign = [...keys.keys()][0] ?? '';
      const ask = () => asker.ask(url, file.service.canaryRequest, { keys, version: 1, sign }, config);
      return { file, row: await asOften(file, ask, (ms) => session.pause(ms)) };
    }),
  );
  // verify takes no lock, so a rotation may write the files meanwhile
  const { files: now } = await readEnvironment(config, environment);
  const rows = asked.map(({ file, row }) => (isStill(file, now) ? row : rowOf(file, 'unknown', CHANGED)));
  terminal.print(columns([['SERVICE', 'KEY', 'ACCEPTS ITS FILE', ''], ...rows.map(({ cells }) => cells)]));
  const verdicts = rows.map(({ verdict }) => verdict);
  if (verdicts.includes('no')) return EXIT.failed;
  return verdicts.includes('unknown') ? EXIT.notReady : EXIT.done;
}

/** All the pauses together that one service is granted, milliseconds. */
const MOST_WAIT_MS = 300_000;

const CHANGED = 'the keys in its file changed while it was asked: verify again';

function isStill(file: KeyFile, now: readonly KeyFile[]): boolean {
  const same = now.find(({ service }) => service.name === file.service.name);
  return same !== undefined && [...keysOf(same).keys()].join() === [...keysOf(file).keys()].join();
}

/** By fingerprint, since a file says no more of a key. Different keys that can be guessed may share one: each is asked about. */
function keysOf({ signing, fallbacks }: KeyFile): ReadonlyMap<Kid, KeyMaterial> {
  const named = new Map<Kid, KeyMaterial>();
  for (const key of [signing, ...fallbacks]) {
    if ([...named.values()].some((other) => other.equals(key))) continue;
    const fingerprint = fingerprintOf(key);
    named.set(named.has(fingerprint) ? `${fingerprint} (key ${named.size + 1} of the file)` : fingerprint, key);
  }
  return named;
}

/**
 * Behind one URL there may be several processes: a yes is so many in a row, and anything else counts at once. A service
 * that limits requests is waited for: no answer proves nothing, and ends no row.
 */
async function asOften(
  file: KeyFile,
  ask: () => Promise<Probe>,
  pause: (ms: number) => Promise<void>,
): Promise<ReturnType<typeof rowOf>> {
  let waitedMs = 0;
  for (let times = 0; ; ) {
    const probe = await ask();
    const row = judged(file, probe);
    if (row.verdict === 'yes') times += 1;
    if (row.verdict === 'no' || times === PROBES) return row;
    if (row.verdict === 'yes') continue;
    waitedMs += probe.pauseMs ?? 0;
    if (probe.pauseMs === undefined || waitedMs > MOST_WAIT_MS) {
      return rowOf(
        file,
        'unknown',
        `it has answered ${times} of ${PROBES} times, and not now: ${probe.why ?? 'it gave no answer'}`,
      );
    }
    await pause(probe.pauseMs);
  }
}

function judged(file: KeyFile, { answers, random, why }: Probe): ReturnType<typeof rowOf> {
  if (random === 'accepted') return rowOf(file, 'no', 'it accepts a made-up key: the canary URL verifies nothing');
  const of = (answer: Answer) =>
    [...answers].filter(([, given]) => given === answer).map(([fingerprint]) => fingerprint);
  const [signing = 'unknown'] = answers.values();
  if (signing === 'refused') return rowOf(file, 'no', 'it refuses the key that signs: restart it, or run env sync');
  const refused = of('refused');
  const isWhole = of('unknown').length === 0 && random !== 'unknown';
  if (!isWhole && (refused.length === 0 || signing === 'unknown')) {
    return rowOf(file, 'unknown', why ?? 'it gave no answer');
  }
  if (refused.length === 0) return rowOf(file, 'yes', '');
  return rowOf(file, 'no', `it accepts the key that signs, and refuses ${refused.join(', ')} of its fallbacks`);
}

function rowOf(file: KeyFile, verdict: Verdict, why: string) {
  return { verdict, cells: [file.service.name, fingerprintOf(file.signing), verdict, why] };
}
