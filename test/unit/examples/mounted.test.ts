import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { mountKeyset } from '../../../examples/services/node/mounted.ts';

const [OLD, STAGED, ACK] = ['a', 'b', 'c'].map((letter) => letter.repeat(64)) as [string, string, string];

it('does not take fallbacks for gone that the kubelet removes while they are read', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'rekey-mounted-'));
  const version = (name: string): string => {
    mkdirSync(join(dir, name));
    return join(dir, name);
  };
  const swapTo = (name: string): void => {
    symlinkSync(name, join(dir, '..data_tmp'));
    renameSync(join(dir, '..data_tmp'), join(dir, '..data'));
  };
  const before = version('..1');
  // whoever reads it waits until it is written to
  execFileSync('mkfifo', [join(before, 'JWT_SECRET_KEY')]);
  writeFileSync(join(before, 'JWT_SECRET_KEY_FALLBACKS'), STAGED);
  swapTo('..1');
  const loading = mountKeyset(dir, {}, () => {});
  const slow = await open(join(before, 'JWT_SECRET_KEY'), 'w');
  const after = version('..2');
  writeFileSync(join(after, 'JWT_SECRET_KEY'), OLD);
  writeFileSync(join(after, 'JWT_SECRET_KEY_FALLBACKS'), `${STAGED},${ACK}`);
  swapTo('..2');
  rmSync(before, { recursive: true });
  await slow.write(OLD);
  await slow.close();
  const mounted = await loading;
  expect(mounted.current().verify).toHaveLength(3);
  mounted.close();
  rmSync(dir, { recursive: true });
});
