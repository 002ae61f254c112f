/** What is asked before a file is replaced, and what people do to the files meanwhile. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ChangedMeanwhile, NotReplaceable } from '../../../src/env/files/errors.ts';
import { commit, FileError, recover } from '../../../src/env/files/transaction.ts';
import { type Call, withFault } from '../../support/env/faulty-fs.ts';
import { fastFolder } from '../../support/env/step-scene.ts';

let root: string;
let state: string;
beforeEach(() => {
  root = mkdtempSync(join(fastFolder, 'rekey-files-'));
  state = join(root, '.rekey');
});
afterEach(() => rmSync(root, { recursive: true }));

const OLD = 'KEY=old\n';
const NEW = 'KEY=new\n';

function lay(name: string, text = OLD, mode = 0o600): string {
  const path = join(root, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

const change = (path: string, before: string | undefined = OLD, after = NEW) => ({
  path,
  before: before === undefined ? undefined : Buffer.from(before),
  after: Buffer.from(after),
});
const create = (path: string) => ({ path, before: undefined, after: Buffer.from(NEW) });
const textOf = (path: string) => readFileSync(path, 'utf8');

describe('a step', () => {
  it('replaces one file by two names once, where both want the same', async () => {
    const path = lay('a.env');
    symlinkSync('a.env', join(root, 'b.env'));
    await expect(commit(state, [change(path), change(join(root, 'b.env'))])).resolves.toBeUndefined();
    expect([textOf(path), lstatSync(join(root, 'b.env')).isSymbolicLink()]).toEqual([NEW, true]);
  });

  it('replaces files, and leaves nothing but a closed folder that Git ignores', async () => {
    const paths = [lay('a/.env', OLD, 0o644), lay('b/.env', OLD, 0o600)];
    const fresh = join(root, 'c.env');
    await expect(commit(state, [...paths.map((path) => change(path)), create(fresh)])).resolves.toBeUndefined();
    expect([...paths, fresh].map(textOf)).toEqual([NEW, NEW, NEW]);
    expect([...paths, fresh].map((path) => statSync(path).mode & 0o777)).toEqual([0o644, 0o600, 0o600]);
    expect(readdirSync(state)).toEqual(['.gitignore']);
    expect(textOf(join(state, '.gitignore'))).toBe('*\n');
    expect(statSync(state).mode & 0o777).toBe(0o700);
    await expect(recover(state)).resolves.toBeUndefined();
  });

  it('closes a state folder that is open, and keeps what its .gitignore says', async () => {
    mkdirSync(state, { mode: 0o755 });
    writeFileSync(join(state, '.gitignore'), '# ours\n*\n');
    await commit(state, []);
    expect(statSync(state).mode & 0o777).toBe(0o700);
    expect(textOf(join(state, '.gitignore'))).toBe('# ours\n*\n');
  });

  it('refuses a file whose access control list would be lost, and whose mask would become a right of the group', async () => {
    const [plain, listed] = [lay('plain.env', OLD, 0o640), lay('listed.env', OLD, 0o600)];
    // acl(5): owner rw, user 1234 r, group none, mask r, others none
    const entries = '[(1,6,-1),(2,4,1234),(4,0,-1),(16,4,-1),(32,0,-1)]';
    const program = `import os,struct,sys
acl=struct.pack('<I',2)+b''.join(struct.pack('<HHi',*e) for e in ${entries})
os.setxattr(sys.argv[1],'system.posix_acl_access',acl)`;
    execFileSync('python3', ['-c', program, listed]);
    expect(statSync(listed).mode & 0o777).toBe(0o640);
    await expect(commit(state, [change(plain), change(listed)])).rejects.toThrow(
      `${listed}: it has an access control list, which a new file would not have, and its mask would become a right of the group; remove the list first: setfacl -b ${listed}`,
    );
    expect([plain, listed].map(textOf)).toEqual([OLD, OLD]);
    await expect(commit(state, [change(plain)])).resolves.toBeUndefined();
  });

  it('follows symbolic links and keeps them', async () => {
    const real = lay('shared/env', OLD, 0o640);
    const link = join(root, 'link.env');
    symlinkSync('shared/env', link);
    await commit(state, [change(link)]);
    expect(textOf(real)).toBe(NEW);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(statSync(real).mode & 0o777).toBe(0o640);
  });

  it('sets the mode that it is given', async () => {
    const path = lay('.env', OLD, 0o644);
    await commit(state, [{ ...change(path), mode: 0o600 }]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });
});

describe('a step that cannot be', () => {
  /** Each makes the trouble and returns the change that meets it. */
  const TROUBLES: Readonly<Record<string, { readonly make: () => { path: string }; readonly says: RegExp }>> = {
    'an edit since it was read': {
      make: () => change(lay('x.env', 'KEY=edited\n')),
      says: /x\.env: somebody else has changed it meanwhile/,
    },
    'a file that is gone': { make: () => change(join(root, 'x.env')), says: /x\.env: .*(removed|not there)/ },
    'a file that has appeared': { make: () => create(lay('x.env')), says: /x\.env: somebody else has made it/ },
    'no folder': { make: () => create(join(root, 'no/x.env')), says: /no: .*not there/ },
    'a second name': {
      make: () => {
        const path = lay('x.env');
        linkSync(path, join(root, 'second'));
        return change(path);
      },
      says: /x\.env: it has another name \(hard link\)/,
    },
    'a read-only file': { make: () => change(lay('x.env', OLD, 0o400)), says: /x\.env: it is read-only/ },
    'a link that leads nowhere': {
      make: () => {
        symlinkSync('nowhere', join(root, 'x.env'));
        return create(join(root, 'x.env'));
      },
      says: /x\.env: this symbolic link leads nowhere/,
    },
    'links in a circle': {
      make: () => {
        symlinkSync('x.env', join(root, 'x.env'));
        return change(join(root, 'x.env'));
      },
      says: /x\.env: its symbolic links go in a circle/,
    },
    'a folder in its place': {
      make: () => {
        mkdirSync(join(root, 'x.env'));
        return change(join(root, 'x.env'));
      },
      says: /x\.env: this is not a plain file/,
    },
    'a pipe in its place': {
      make: () => {
        execFileSync('mkfifo', [join(root, 'x.env')]);
        return change(join(root, 'x.env'));
      },
      says: /x\.env: this is not a plain file/,
    },
    'one file by two names, with two contents': {
      make: () => {
        symlinkSync('good.env', join(root, 'x.env'));
        return change(join(root, 'x.env'), OLD, 'KEY=other\n');
      },
      says: /x\.env: it is the same file as .*good\.env/,
    },
  };

  it.each(Object.entries(TROUBLES))('changes nothing: %s', async (_, { make, says }) => {
    const good = lay('good.env');
    const bad = make() as ReturnType<typeof change>;
    const error = await commit(state, [change(good), bad]).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(FileError);
    expect((error as Error).message).toMatch(says);
    expect(textOf(good)).toBe(OLD);
    expect(readdirSync(state)).toEqual(['.gitignore']);
  });

  it('does not begin before the last one is recovered', async () => {
    const path = lay('.env');
    await withFault({ fault: 'freeze', at: await pointOf(1) }, () => commit(state, [change(path)]));
    await expect(commit(state, [change(path)])).rejects.toThrow(/must be recovered/);
    expect(await recover(state)).toMatch(/is finished now: .*\.env/);
    expect(textOf(path)).toBe(NEW);
  });
});

/** The calls of a step with so many files. */
async function callsOf(count: number): Promise<readonly Call[]> {
  const place = mkdtempSync(join(fastFolder, 'rekey-point-'));
  const twins = Array.from({ length: count }, (_, i) => join(place, `${i}.env`));
  for (const twin of twins) writeFileSync(twin, OLD, { mode: 0o600 });
  const step = () =>
    commit(
      join(place, '.rekey'),
      twins.map((path) => change(path)),
    );
  mkdirSync(join(place, '.rekey'));
  await commit(join(place, '.rekey'), []);
  const { calls } = await withFault(undefined, step);
  rmSync(place, { recursive: true });
  return calls;
}

/** The call right after the commit point. */
async function pointOf(count: number): Promise<number> {
  await commit(state, []);
  const calls = await callsOf(count);
  return calls.findIndex(({ name, path }) => name === 'rename' && path.endsWith('plan.json')) + 1;
}

it('who has edited a file meanwhile is no reason to go without that file', async () => {
  const edited = change(lay('x.env', 'KEY=edited\n'));
  await expect(commit(state, [edited])).rejects.toBeInstanceOf(ChangedMeanwhile);
  const path = lay('y.env');
  chmodSync(path, 0o400);
  await expect(commit(state, [change(path)])).rejects.toBeInstanceOf(NotReplaceable);
});

describe('an edit that comes between', () => {
  it('is not overwritten by a recovery, of an old file or a replaced one; undone, the recovery goes on', async () => {
    const paths = [lay('a.env'), lay('b.env')];
    await withFault({ fault: 'freeze', at: await pointOf(paths.length) }, () =>
      commit(
        state,
        paths.map((path) => change(path)),
      ),
    );
    for (const path of paths) {
      writeFileSync(path, 'KEY=edited\n');
      await expect(recover(state)).rejects.toThrow(
        /somebody else has edited this meanwhile.*Undo the edit and run rekey again/,
      );
      expect(paths.map(textOf).filter((text) => text === NEW)).toEqual([]);
      expect(textOf(path)).toBe('KEY=edited\n');
      writeFileSync(path, OLD);
    }
    expect(await recover(state)).toMatch(/is finished now/);
    expect(paths.map(textOf)).toEqual([NEW, NEW]);
    expect(readdirSync(state)).toEqual(['.gitignore']);
  });

  it('is not overwritten whenever it comes, but in the moment before the file itself is replaced', async () => {
    const EDIT = 'KEY=edited\n';
    await commit(state, []);
    const calls = await callsOf(2);
    const outcomes = new Set<string>();
    for (const [at, call] of calls.entries()) {
      const [one, two] = [lay('a.env'), lay('b.env')];
      const edit = () => writeFileSync(two, EDIT);
      const { error } = await withFault({ fault: edit, at }, () => commit(state, [change(one), change(two)]));
      if (call.name === 'rename' && call.path.endsWith('-1.new')) continue;
      // after an error all is as it was before, but for the edit
      expect([textOf(one), textOf(two)]).toEqual([error === undefined ? NEW : OLD, EDIT]);
      expect(readdirSync(state)).toEqual(['.gitignore']);
      outcomes.add(error === undefined ? 'done' : ((error as Error).message.split(': ')[1] ?? ''));
    }
    expect([...outcomes].sort()).toEqual([
      'done',
      'somebody else has changed it meanwhile; run the command again',
      'somebody else has edited this meanwhile, and rekey overwrites no edit',
    ]);
  });

  it('of a replaced file is not overwritten when the rest is undone', async () => {
    const paths = [lay('a.env'), lay('b.env'), lay('c.env')];
    await withFault({ fault: 'freeze', at: await pointOf(paths.length) }, () =>
      commit(
        state,
        paths.map((path) => change(path)),
      ),
    );
    const step = join(state, 'step');
    renameSync(join(step, 'commit.json'), join(step, 'undo.json'));
    // two were replaced, and the second was edited then
    for (const [i, path] of paths.slice(0, 2).entries()) {
      renameSync(join(step, readdirSync(step).find((name) => name.endsWith(`-${i}.new`)) ?? ''), path);
    }
    writeFileSync(join(root, 'b.env'), 'KEY=edited\n');
    await expect(recover(state)).rejects.toThrow(/b\.env: somebody else has edited this/);
    expect(paths.map(textOf)).toEqual([OLD, 'KEY=edited\n', OLD]);
    writeFileSync(join(root, 'b.env'), NEW);
    expect(await recover(state)).toMatch(/old contents back/);
    expect(paths.map(textOf)).toEqual([OLD, OLD, OLD]);
  });
});
