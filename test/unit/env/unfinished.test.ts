/** A step that was cut off cannot be ended: an emergency goes around it, and all else rests. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { withFault } from '../../support/env/faulty-fs.ts';
import { folderOf, freshKey } from '../../support/env/folder.ts';
import { stateOf } from '../../support/env/pair.ts';
import { run } from '../../support/env/run.ts';

const service = (name: string) =>
  `  ${name}: { names: [JWT_SECRET_KEY], files: { production: ${name}/.env, staging: ${name}/.env.staging }, readsFallbacks: true }\n`;
const CONFIG = `maxTokenTTL: 24h\nsourceOfTruth: main\nservices:\n${service('main')}${service('admin')}`;
const PATHS = ['main/.env', 'admin/.env', 'main/.env.staging', 'admin/.env.staging'];
const keysIn = (text: string) => [...text.matchAll(/^JWT_\w+=(.+)/gm)].flatMap(([, value = '']) => value.split(','));

function shop(from?: string) {
  const [production, staging] = [freshKey(), freshKey()].map((key) => `JWT_SECRET_KEY=${key}\n`);
  const texts = [production, production, staging, staging].map((text) => text ?? '');
  const files = Object.fromEntries(PATHS.map((path, i) => [path, texts[i] ?? '']));
  const root = folderOf({ 'rekey.yaml': CONFIG, ...files });
  if (from !== undefined) execFileSync('cp', ['-a', `${from}/.`, root]);
  const read = (path: string) => readFileSync(join(root, path), 'utf8');
  const asides = () => readdirSync(join(root, '.rekey')).filter((name) => name.startsWith('step.'));
  return { root, read, asides };
}

/** A rotation of production that is cut off after it has replaced one file; a person has edited the other one since. */
async function edited() {
  const [{ root: frozen }, twin] = [shop(), shop()];
  const { calls } = await withFault(undefined, () => run(twin.root, 'rotate production'));
  const point = calls.findIndex(({ name, path }) => name === 'rename' && path.endsWith('plan.json'));
  const first = calls.findIndex(({ name, path }, i) => i > point && name === 'rename' && path.endsWith('.new'));
  await withFault({ fault: 'freeze', at: first + 1 }, () => run(frozen, 'rotate production'));
  // the frozen run keeps its lock in this process, and a copy has a lock of its own
  const { root, read, asides } = shop(frozen);
  expect(readdirSync(join(root, '.rekey/step'))).toContain('commit.json');
  appendFileSync(join(root, 'admin/.env'), 'MORE=1\n');
  return { root, read, asides };
}

describe.each(['production', 'staging'])('an edit after a step was cut off, and an emergency of %s', (environment) => {
  it('burns what the files have, and keeps the step', async () => {
    const { root, read, asides } = await edited();
    for (const command of [`continue ${environment}`, `rotate ${environment}`, `sync ${environment}`]) {
      const { exit, said } = await run(root, command);
      expect([exit, said], command).toEqual([
        1,
        expect.stringMatching(/admin\/\.env: somebody else has edited this.*Undo the edit.*An emergency goes on/),
      ]);
    }
    const own = PATHS.filter((path) => path.endsWith('.staging') === (environment === 'staging'));
    const old = own.flatMap((path) => keysIn(read(path)));

    const asked = await run(root, `emergency ${environment} --reason leaked`);
    expect([asked.exit, asks(asked.said)]).toEqual([2, 1]);
    expect([asides(), readdirSync(join(root, '.rekey'))]).toEqual([[], expect.arrayContaining(['step'])]);

    const burnt = await run(root, `emergency ${environment} --reason leaked --yes`);
    expect([burnt.exit, asks(burnt.said)]).toEqual([0, 1]);
    for (const path of own) for (const key of old) expect(read(path)).not.toContain(key);
    expect(read('admin/.env')).toContain('MORE=1\n');
    const [aside = ''] = asides();
    expect(burnt.said).toContain(`is kept in ${root}/.rekey/${aside}. It holds keys`);
    expect(statSync(join(root, '.rekey', aside)).mode & 0o777).toBe(0o700);
    for (const key of old) expect(burnt.said + burnt.out).not.toContain(key);
    expect((await run(root, 'check')).out).toContain(`$ rm -r .rekey/${aside}\n`);
    const { version, phase } = stateOf(root, environment).keyset;
    expect(phase).toBe('Burning');
    const over = await run(root, `continue ${environment} --reloaded ${version}`);
    expect([over.exit, over.out]).toEqual([0, expect.stringContaining('the emergency is over')]);
  });
});

const asks = (said: string) => said.split('The emergency goes on without that step').length - 1;

it('puts the step back if the emergency can write nothing', async () => {
  const { root, asides } = await edited();
  chmodSync(join(root, 'main/.env'), 0o444);
  const before = readdirSync(join(root, '.rekey/step'));
  const { exit, said } = await run(root, 'emergency production --reason leaked --yes');
  expect(said).toContain('main/.env: it is read-only');
  expect([exit, asides(), readdirSync(join(root, '.rekey/step'))]).toEqual([1, [], before]);
});

it.each(['{"a":1}', ''])('goes around a journal that rekey has not written: %s', async (text) => {
  const { root, asides } = shop();
  expect((await run(root, 'rotate production')).exit).toBe(0);
  if (text === '') writeFileSync(join(root, '.rekey/step'), text);
  else {
    mkdirSync(join(root, '.rekey/step'), { mode: 0o700 });
    writeFileSync(join(root, '.rekey/step/commit.json'), text);
  }
  const { exit } = await run(root, 'emergency production --reason leaked --yes');
  expect([exit, stateOf(root).keyset.phase, asides().length]).toEqual([0, 'Burning', 1]);
});
