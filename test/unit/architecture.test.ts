/** The arrows of the house: main → rotation → runtime → kube, and nothing points back. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => join('src', file));

/** What a file imports: paths from the root of the repository, or names of packages. */
function importsOf(file: string): readonly string[] {
  const text = readFileSync(join(root, file), 'utf8');
  const specifiers = [...text.matchAll(/from '([^']+)'|import '([^']+)'/g)].map((match) => match[1] ?? match[2] ?? '');
  return specifiers.map((name) => (name.startsWith('.') ? relative(root, resolve(root, file, '..', name)) : name));
}

const layerOf = (path: string) => /^src\/(kube|runtime|rotation|cli)\//.exec(path)?.[1];
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  kube: ['kube'],
  runtime: ['kube', 'runtime'],
  rotation: ['kube', 'runtime', 'rotation'],
  cli: ['rotation', 'cli'],
};
/** Decide and never act: they know nothing of the world but facts. */
const PURE = [
  ...['plan', 'steady', 'progress', 'write-gate', 'converge', 'requirements', 'evidence', 'safe-write', 'cutover'],
  ...['emergency', 'replacement', 'roll', 'policies/preflight', 'policies/sources', 'policies/reloader'],
]
  .map((name) => `plan/${name}`)
  .concat(['keyset/transition', 'keyset/keyset', 'report/notifications', 'audit/ledger', 'workloads/consumption']);

describe('the source', () => {
  it('has its arrows in one direction', () => {
    const wrong = files.flatMap((file) => {
      const allowed = ALLOWED[layerOf(file) ?? ''];
      const bad = importsOf(file).filter(
        (path) => path.startsWith('src/') && allowed && !allowed.includes(layerOf(path) ?? ''),
      );
      return bad.map((path) => `${file} → ${path}`);
    });
    expect(wrong).toEqual([]);
  });

  it('imports the Kubernetes client in src/kube only, and never a test', () => {
    const wrong = files.filter(
      (file) => layerOf(file) !== 'kube' && importsOf(file).some((path) => path.startsWith('@kubernetes/')),
    );
    expect(wrong).toEqual([]);
    expect(files.filter((file) => importsOf(file).some((path) => /^(test|examples|tools)\//.test(path)))).toEqual([]);
  });

  it('keeps the planner pure', () => {
    const outside = (path: string) => /^(src\/kube|src\/runtime|node:|undici|@)/.test(path) || path.endsWith('/act.ts');
    const wrong = PURE.flatMap((name) => {
      const file = `src/rotation/${name}.ts`;
      const text = readFileSync(join(root, file), 'utf8');
      const impure = /Date\.now|Math\.random|new Date\(\)|process\.|await /.test(text) ? [`${file}: impure`] : [];
      return [
        ...impure,
        ...importsOf(file)
          .filter(outside)
          .map((path) => `${file} → ${path}`),
      ];
    });
    expect(wrong).toEqual([]);
  });

  it('chooses a write of the Secret at the gate alone', () => {
    const choosing = files.filter((file) => /type: 'write',/.test(readFileSync(join(root, file), 'utf8')));
    expect(choosing).toEqual(['src/rotation/plan/write-gate.ts']);
  });

  it('waits by the injected clock only', () => {
    expect(files.filter((file) => importsOf(file).includes('node:timers/promises'))).toEqual([]);
  });
});
