/** What is published of the keyring libraries works where the sources are not. */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../../..');
const node = join(root, 'keyring', 'node');

it('the package for Node has types, and can be imported and required', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'rekey-package-'));
  try {
    const installed = join(dir, 'node_modules', '@rekey', 'keyring');
    mkdirSync(installed, { recursive: true });
    await run(process.execPath, [
      join(root, 'node_modules/typescript/bin/tsc'),
      '-p',
      node,
      '--outDir',
      join(installed, 'dist'),
    ]);
    cpSync(join(node, 'package.json'), join(installed, 'package.json'));
    for (const name of ['jose', 'jsonwebtoken'])
      symlinkSync(join(root, 'node_modules', name), join(dir, 'node_modules', name));
    const use = `
      const source = envKeyring();
      joseTokens(source).sign({ sub: 'ada' }, 60).then((token) => console.log(jsonWebTokens(source).verify(token).sub));`;
    writeFileSync(
      join(dir, 'imported.mjs'),
      `import { envKeyring } from '@rekey/keyring';
      import { joseTokens } from '@rekey/keyring/jose';
      import { jsonWebTokens } from '@rekey/keyring/jsonwebtoken';${use}`,
    );
    writeFileSync(
      join(dir, 'required.cjs'),
      `const { envKeyring } = require('@rekey/keyring');
      const { joseTokens } = require('@rekey/keyring/jose');
      const { jsonWebTokens } = require('@rekey/keyring/jsonwebtoken');${use}`,
    );
    const env = { ...process.env, JWT_SECRET_KEY: '6b1f0c93d2a8475ee0917ad45c3b28f4' };
    for (const file of ['imported.mjs', 'required.cjs']) {
      const { stdout } = await run(process.execPath, [join(dir, file)], { env });
      expect(stdout).toBe('ada\n');
    }
    expect(readdirSync(join(installed, 'dist'))).toEqual(
      expect.arrayContaining(['index.d.ts', 'jose.d.ts', 'jsonwebtoken.d.ts']),
    );
  } finally {
    rmSync(dir, { recursive: true });
  }
});

it('the package for Python is written in Python 3.9', async () => {
  const sources = join(root, 'keyring', 'python', 'src', 'rekey_keyring');
  const parse = 'import ast,sys\nfor f in sys.argv[1:]: ast.parse(open(f).read(), f, feature_version=(3, 9))';
  const files = readdirSync(sources).filter((name) => name.endsWith('.py'));
  expect(files.length).toBeGreaterThan(10);
  await run('python3', ['-c', parse, ...files.map((name) => join(sources, name))]);
});

it('all have the same version', () => {
  const { version } = JSON.parse(readFileSync(join(node, 'package.json'), 'utf8')) as { version: string };
  expect(readFileSync(join(root, 'keyring/python/pyproject.toml'), 'utf8')).toContain(`version = "${version}"`);
});
