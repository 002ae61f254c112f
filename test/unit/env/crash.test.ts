/** A step that is cut off, or meets a fault of the disk, at each of its calls in turn: all files are old, or all are new. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { commit, FileError, recover } from '../../../src/env/files/transaction.ts';
import { bundled } from '../../support/env/bundled.ts';
import { type Call, type Fault, isChange, withFault } from '../../support/env/faulty-fs.ts';
import { dropScene, judge, makeScene, NEW_KEY, OLD_KEY, type Scene } from '../../support/env/step-scene.ts';

const CODES: readonly Fault[] = ['ENOSPC', 'EIO', 'EACCES'];
/** Each process takes a while to start: `REKEY_KILLS=all` kills one at every call; else at each rename, and some others. */
const ALL_KILLS = process.env.REKEY_KILLS === 'all';
const program = await bundled('step-process');

async function within<T>(isFar: boolean, use: (scene: Scene) => Promise<T>): Promise<T> {
  const scene = makeScene(isFar);
  try {
    return await use(scene);
  } finally {
    dropScene(scene);
  }
}

const commitOf = (scene: Scene) => () => commit(scene.state, scene.changes);
const recoverOf = (scene: Scene) => () => recover(scene.state);

/** The calls of a step that nothing disturbs. */
const callsOf = (isFar: boolean): Promise<readonly Call[]> =>
  within(isFar, async (scene) => {
    const { calls, error } = await withFault(undefined, commitOf(scene));
    expect(error).toBeUndefined();
    expect(judge(scene)).toBe('new');
    return calls;
  });

const numbers = (calls: readonly Call[], wanted: (call: Call) => boolean) =>
  calls.flatMap((call, n) => (wanted(call) ? [n] : []));

/** @returns how often each outcome came */
async function tally(points: readonly number[], at: (n: number) => Promise<string>): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  const left = [...points];
  const work = async () => {
    for (let n = left.shift(); n !== undefined; n = left.shift()) {
      const outcome = await at(n).catch((error: unknown) => `call ${n}: ${(error as Error).message}`);
      counts[outcome] = (counts[outcome] ?? 0) + 1;
    }
  };
  await Promise.all([work(), work(), work(), work()]);
  return counts;
}

async function killed(what: 'commit' | 'recover', n: number, scene: Scene): Promise<void> {
  const child = spawn(process.execPath, [program, what, String(n), ...scene.roots], { stdio: 'inherit' });
  const [, signal] = await once(child, 'exit');
  if (signal !== 'SIGKILL') throw new Error('it was not killed');
}

describe('a step that is cut off', () => {
  it('leaves all old or all new when its process is killed', async () => {
    const calls = await callsOf(false);
    const changes = numbers(calls, isChange);
    const points = changes.filter((n, i) => ALL_KILLS || calls[n]?.name === 'rename' || i % 6 === 0);
    expect(changes.length).toBeGreaterThan(50);
    const counts = await tally(points, (n) =>
      within(false, async (scene) => {
        await killed('commit', n, scene);
        await recover(scene.state);
        return judge(scene);
      }),
    );
    expect(Object.keys(counts).sort()).toEqual(['new', 'old']);
    expect((counts.old ?? 0) + (counts.new ?? 0)).toBe(points.length);
    console.log(`SIGKILL at ${points.length} of ${changes.length} calls:`, counts);
  });

  it('leaves all old or all new when it goes no further than any call, on two file systems', async () => {
    const calls = await callsOf(true);
    const counts = await tally(
      numbers(calls, () => true),
      (n) =>
        within(true, async (scene) => {
          await withFault({ fault: 'freeze', at: n }, commitOf(scene));
          await recover(scene.state);
          return judge(scene);
        }),
    );
    expect(Object.keys(counts).sort()).toEqual(['new', 'old']);
    console.log(`cut off at ${calls.length} calls:`, counts);
  });

  it.each([
    ['commit', 'new'],
    ['undo', 'old'],
  ] as const)('is recovered by a run that is cut off itself, from phase %s', async (phase, outcome) => {
    const calls = await callsOf(false);
    const renames = numbers(calls, ({ name }) => name === 'rename');
    // the second rename is the commit point: before the first file, and in the middle of them
    const starts = renames.slice(2, 5);
    expect(starts.length).toBe(3);
    for (const start of starts) {
      const begun = async (scene: Scene) => {
        await withFault({ fault: 'freeze', at: start }, commitOf(scene));
        const step = join(scene.state, 'step');
        if (phase === 'undo') renameSync(join(step, 'commit.json'), join(step, 'undo.json'));
      };
      const whole = await within(false, async (scene) => {
        await begun(scene);
        return (await withFault(undefined, recoverOf(scene))).calls;
      });
      const counts = await tally(
        numbers(whole, () => true),
        (n) =>
          within(false, async (scene) => {
            await begun(scene);
            await withFault({ fault: 'freeze', at: n }, recoverOf(scene));
            await recover(scene.state);
            return judge(scene);
          }),
      );
      expect(counts).toEqual({ [outcome]: whole.length });
      console.log(`recovery cut off at ${whole.length} calls:`, counts);
    }
  });
});

describe('a fault of the disk', () => {
  /** What was said, and what is there then and after a recovery. */
  const outcomeOf = async (scene: Scene, fault: Fault, at: number, lasting: boolean): Promise<string> => {
    const { error, value } = await withFault({ fault, at, lasting }, commitOf(scene));
    if (error !== undefined && !(error instanceof FileError)) throw error;
    const text = `${(error as Error | undefined)?.message} ${value}`;
    if (text.includes(OLD_KEY) || text.includes(NEW_KEY)) throw new Error('a key in a message');
    const isClear = error !== undefined && !/holds keys/.test(text);
    // an error that names nothing to do says that nothing has changed
    if (isClear && judge(scene) !== 'old') throw new Error(`changed in spite of: ${text}`);
    await recover(scene.state);
    return `${error === undefined ? 'done' : isClear ? 'refused' : 'to be recovered'}, ${judge(scene)}`;
  };
  const ALLOWED = ['done, new', 'refused, old', 'to be recovered, new', 'to be recovered, old'];

  it.each(CODES)('%s at any call once: nothing has changed, or all is done', async (code) => {
    const points = numbers(await callsOf(false), () => true);
    const counts = await tally(points, (n) => within(false, (scene) => outcomeOf(scene, code, n, false)));
    expect(Object.keys(counts).filter((each) => !ALLOWED.slice(0, 2).includes(each))).toEqual([]);
    expect(counts['refused, old']).toBeGreaterThan(80);
    console.log(`${code} at ${points.length} calls:`, counts);
  });

  it.each(CODES)('%s at any call and after it: nothing has changed, or the next run ends it', async (code) => {
    const points = numbers(await callsOf(false), isChange);
    const counts = await tally(points, (n) => within(false, (scene) => outcomeOf(scene, code, n, true)));
    expect(Object.keys(counts).filter((each) => !ALLOWED.includes(each))).toEqual([]);
    console.log(`${code} from ${points.length} calls on:`, counts);
  });

  it('does not stand in the way where folders cannot be synced, which a file always can', async () => {
    const calls = await callsOf(false);
    const isFile = ({ path }: Call) => /\.(new|old|json)$/.test(path);
    const folders = numbers(calls, (call) => call.name === 'sync' && !isFile(call));
    const syncs = numbers(calls, (call) => call.name === 'sync' && isFile(call));
    expect([folders.length, syncs.length]).toEqual([11, 6]);
    const at = (n: number) => within(false, (scene) => outcomeOf(scene, 'EINVAL', n, false));
    expect(await tally(folders, at)).toEqual({ 'done, new': folders.length });
    expect(await tally(syncs, at)).toEqual({ 'refused, old': syncs.length });
  });

  it('is survived on the second file system', async () => {
    const calls = await callsOf(true);
    const points = numbers(
      calls,
      (call) => isChange(call) && /rekey-step-\w+\/(\.\.env|\.env$|$)/.test(`${call.path}/`),
    );
    for (const lasting of [false, true]) {
      const counts = await tally(points, (n) => within(true, (scene) => outcomeOf(scene, 'ENOSPC', n, lasting)));
      expect(Object.keys(counts).filter((each) => !ALLOWED.includes(each))).toEqual([]);
      console.log(`ENOSPC at ${points.length} calls:`, counts);
    }
  });
});

it('replaces nothing before all that a recovery needs is on the disk', async () => {
  const calls = (await callsOf(false)).map(({ name, path }) => `${name} ${path.slice(path.lastIndexOf('/') + 1)}`);
  const point = calls.indexOf('rename plan.json');
  const written = calls.slice(0, point).filter((call) => /^writeFile .*\.(new|old)$/.test(call));
  expect(written.length).toBe(5);
  for (const call of written) {
    const synced = calls.indexOf(call.replace('writeFile', 'sync'));
    expect(synced).toBeGreaterThan(calls.indexOf(call));
    expect(calls.indexOf('sync step', synced)).toBeLessThan(point);
  }
  // the commit point is on the disk before the first file is replaced
  const replaced = calls.findIndex((call) => /^rename .*\.new$/.test(call));
  expect(calls.indexOf('sync step', point)).toBeLessThan(replaced);
  expect(replaced).toBeGreaterThan(point);
});
