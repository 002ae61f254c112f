/**
 * Steps on real file systems that are full, read-only, mounted in odd places, or another user's. Runs in a mount namespace of its
 * own; prints a line of JSON for each: what was tried, what was said, and what is there now.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { commit } from '../../../src/env/files/transaction.ts';

const [root = ''] = process.argv.slice(2);
const OLD = Buffer.from('KEY=old\n');
const LONG = Buffer.from(`KEY=new\n${'# filling\n'.repeat(3_000)}`);

const mount = (...args: string[]) => execFileSync('mount', args, { stdio: ['ignore', 'ignore', 'inherit'] });

function folder(name: string): string {
  mkdirSync(join(root, name), { recursive: true });
  return join(root, name);
}

function lay(path: string): string {
  writeFileSync(path, OLD, { mode: 0o600 });
  return path;
}

/** Fills what is left of a file system but for some bytes. */
function fill(path: string): void {
  try {
    for (let i = 0; ; i += 1) writeFileSync(join(path, `filler-${i}`), Buffer.alloc(4096));
  } catch {
    // full
  }
}

async function attempt(name: string, state: string, paths: readonly string[]): Promise<void> {
  const changes = paths.map((path) => ({ path, before: OLD, after: LONG }));
  const said = await commit(state, changes).then(
    (left) => left ?? 'done',
    (error: Error) => `${error.constructor.name}: ${error.message}`,
  );
  const now = paths.map((path) =>
    readFileSync(path).equals(OLD) ? 'old' : readFileSync(path).equals(LONG) ? 'new' : 'torn',
  );
  const beside = paths.flatMap((path) => readdirSync(join(path, '..'))).filter((each) => /rekey-/.test(each));
  const left = [...readdirSync(state).filter((each) => each !== '.gitignore'), ...beside];
  console.log(JSON.stringify({ name, said: said.replaceAll(root, ''), now, left }));
}

const full = folder('full');
mount('-t', 'tmpfs', '-o', 'size=96k', 'rekey-test', full);
const onFull = lay(join(full, '.env'));
mkdirSync(join(full, '.rekey'));
fill(full);
const plain = lay(join(folder('plain'), '.env'));
await attempt('full disk', join(full, '.rekey'), [plain, onFull]);
await attempt('full disk of one file', join(root, '.rekey'), [plain, onFull]);

const readOnly = folder('read-only');
mount('-t', 'tmpfs', 'rekey-test', readOnly);
const onReadOnly = lay(join(readOnly, '.env'));
mount('-o', 'remount,ro', readOnly);
await attempt('read-only disk', join(root, '.rekey'), [plain, onReadOnly]);

const bound = lay(join(folder('bound'), '.env'));
mount('--bind', lay(join(folder('origin'), '.env')), bound);
await attempt('mounted file', join(root, '.rekey'), [plain, bound]);

const same = folder('same device, other mount');
lay(join(folder('elsewhere'), '.env'));
mount('--bind', folder('elsewhere'), same);
await attempt('mounted folder', join(root, '.rekey'), [plain, join(same, '.env')]);

if (process.argv.includes('root')) {
  const closed = folder('closed');
  const inClosed = lay(join(closed, '.env'));
  const open = folder('open');
  const inOpen = lay(join(open, '.env'));
  chmodSync(inOpen, 0o666);
  chmodSync(inClosed, 0o666);
  chmodSync(open, 0o777);
  chmodSync(root, 0o755);
  const state = folder('theirs');
  chownSync(state, 1234, 1234);
  process.setuid?.(1234);
  await attempt('folder of others', state, [inOpen, inClosed]);
  await attempt('file of others', state, [inOpen]);
}
