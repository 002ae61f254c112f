/** What is published of the keyring libraries works where the sources are not. */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import jwt from 'jsonwebtoken';
import { expect, it } from 'vitest';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../../..');
const node = join(root, 'keyring', 'node');
const signedBy = (key: string) => jwt.sign({ sub: 'eve' }, key, { algorithm: 'HS256', expiresIn: 60 });

it.each(['jose', 'jose-5'])(
  'the package for Node has types, and can be imported and required, beside %s',
  async (jose) => {
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
      for (const [name, folder] of Object.entries({ jose, jsonwebtoken: 'jsonwebtoken' }))
        symlinkSync(join(root, 'node_modules', folder), join(dir, 'node_modules', name));
      const use = `
      const source = envKeyring();
      const [jose, other] = [joseTokens(source), jsonWebTokens(source)];
      const foreign = '${signedBy('another key of at least 32 bytes')}';
      const refused = (error) => console.log(error.name);
      Promise.all([jose.sign({ sub: 'ada' }, 60), jose.verify(other.sign({ sub: 'bob' }, 60))])
        .then(([token, { sub }]) => console.log(other.verify(token).sub, sub))
        .then(() => jose.verify(foreign)).catch(refused);`;
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
        expect(stdout).toBe('ada bob\nTokenRefused\n');
      }
      expect(readdirSync(join(installed, 'dist'))).toEqual(
        expect.arrayContaining(['index.d.ts', 'jose.d.ts', 'jsonwebtoken.d.ts']),
      );
    } finally {
      rmSync(dir, { recursive: true });
    }
  },
);

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
