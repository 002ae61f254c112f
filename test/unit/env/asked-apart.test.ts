/** Services are asked while nobody holds the lock, and what they answered before a write counts for nothing. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { loadConfig } from '../../../src/env/config.ts';
import { withLock } from '../../../src/env/files/lock.ts';
import { newSession, Session } from '../../../src/env/session.ts';
import type { Asker, Question } from '../../../src/env/witness.ts';
import type { Probe } from '../../../src/rotation/facts.ts';
import { stateOf, twoServices } from '../../support/env/pair.ts';
import { run } from '../../support/env/run.ts';

const URL = 'http://127.0.0.1:9/verify';

/** A rotation that has just begun, where both services have restarted at once. */
async function begun() {
  const folder = twoServices({ main: `canary: "${URL}"`, admin: `canary: "${URL}"` });
  await run(folder, 'rotate production');
  expect(stateOf(folder).keyset.phase).toBe('Staging');
  return folder;
}

/** A service that has loaded what its file has. */
function loaded({ keys, version }: Question): Probe {
  const answers = new Map([...keys.keys()].map((kid) => [kid, 'accepted'] as const));
  const now = Date.now();
  return { version, answers, random: 'refused', ...{ at: now, askedAt: now, heardAt: now, ready: true, failures: 0 } };
}

async function sessionOf(folder: string, ask: (question: Question) => Promise<Probe>) {
  const asker: Asker = { ask: (_url, _form, question) => ask(question), close: async () => undefined };
  return newSession(await loadConfig(folder), 'production', asker, () => undefined);
}

it('leaves the lock to others while it asks', async () => {
  const folder = await begun();
  let free: Promise<string> | undefined;
  const session = await sessionOf(folder, async (question) => {
    free ??= withLock(join(folder, '.rekey'), async () => 'free').catch((error: Error) => error.message);
    await free;
    return loaded(question);
  });
  const step = await session.decide(async (view) => view.step);
  expect(step).toMatchObject({ kind: 'Write', write: { transition: 'promote' } });
  expect(await free).toBe('free');
});

it('runs with the lock', async () => {
  const session = await sessionOf(await begun(), async (question) => loaded(question));
  const tried = session.decide(({ environment: { config } }) =>
    withLock(join(config.root, '.rekey'), async () => 'free'),
  );
  await expect(tried).rejects.toThrow('another run of rekey is at work here');
});

it('waits for itself, however long, and takes itself for no other run', async () => {
  const noWait = { now: () => Date.now(), sleep: () => Promise.reject(new Error('it waits for another run')) };
  const config = await loadConfig(await begun());
  const asker: Asker = { ask: async (_url, _form, question) => loaded(question), close: async () => undefined };
  const options = { config, environment: 'production', asker, onRecovered: () => undefined };
  const session = new Session({ ...options, clock: noWait });
  const ended: number[] = [];
  const work = (i: number) => session.alone(async () => void ended.push(i));
  await Promise.all(Array.from({ length: 20 }, (_, i) => work(i)));
  expect(ended).toEqual(Array.from({ length: 20 }, (_, i) => i));
});

it('asks again after a write, and counts no answer from before it', async () => {
  const folder = await begun();
  const { version } = stateOf(folder).keyset;
  const versions: number[] = [];
  const session = await sessionOf(folder, async (question) => {
    if (versions.length === 0) {
      versions.push(question.version);
      await run(folder, 'emergency production --yes --reason leaked');
    }
    versions.push(question.version);
    return { ...loaded(question), random: question.version === version ? 'refused' : 'unknown' };
  });
  const view = await session.decide(async (each) => each);
  expect([view.facts.keyset.phase, view.step.kind]).toEqual(['Burning', 'Reload']);
  expect(versions[0]).toBe(version);
  expect(versions.at(-1)).toBe(stateOf(folder).keyset.version);
  expect(view.facts.services.map(({ loaded: { kind } }) => kind)).not.toContain('Loaded');
});
