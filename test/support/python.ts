/** Python as it is started without a shim: that of pyenv is a shell script that takes several times as long as Python itself. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

/** @returns PATH; if python3 in it is a shim, with the folder of the interpreter that it starts in front */
export function pathWithPython(path = process.env.PATH ?? ''): string {
  const first = path.split(delimiter).find((folder) => existsSync(join(folder, 'python3')));
  // without python3 the tests that need it say so
  if (first === undefined || !first.endsWith('shims')) return path;
  const env = { ...process.env, PATH: path };
  const print = ['-c', 'import sys; print(sys.executable)'];
  const { status, stdout } = spawnSync('python3', print, { encoding: 'utf8', env });
  // a shim with nothing behind it
  if (status !== 0) return path;
  return [dirname(stdout.trim()), path].join(delimiter);
}
