/** docs/dependencies.md and the SBOM say what package-lock.json and the bundle say. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { sbom } from '../../tools/gen-sbom.ts';

const root = resolve(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const { dependencies, devDependencies } = JSON.parse(read('package.json')) as Record<string, Record<string, string>>;
const { packages } = JSON.parse(read('package-lock.json')) as {
  packages: Record<string, { version: string; license?: string; dev?: boolean }>;
};

/** May be in what we hand out: they ask for no more than their text and a name. */
const PERMITTED = ['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT', 'PSF-2.0', 'Unlicense'];

/** Rows of the page's tables: name, version and licence. A row may have two names that share the rest or list theirs. */
const rows = read('docs/dependencies.md')
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .flatMap((line) => {
    const [, names = '', versions = '', licence = ''] = line.split('|').map((cell) => cell.trim());
    const listed = versions.split(', ');
    return [...names.matchAll(/`([^`]+)`/g)].map(([, name = ''], index) => [name, listed[index] ?? '', licence]);
  });

const wanted = (names: Record<string, string> | undefined = {}) =>
  Object.keys(names).map((name) => {
    const { version, license } = packages[`node_modules/${name}`] ?? {};
    return [name, version, license];
  });

describe('the list of dependencies', () => {
  it('has each direct one with its exact version and its licence, and no other', () => {
    const locked = [...wanted(dependencies), ...wanted(devDependencies)];
    expect(locked.length).toBeGreaterThan(30);
    expect(rows.sort()).toEqual(locked.sort());
  });

  it('has exact versions in package.json', () => {
    const ranges = Object.entries({ ...dependencies, ...devDependencies }).filter(
      ([, version]) => !/^(npm:[\w./@-]+@)?\d+\.\d+\.\d+$/.test(version),
    );
    expect(ranges).toEqual([]);
  });

  it('permits the licence of every package that is used at run time', () => {
    const used = Object.entries(packages).filter(([path, { dev }]) => path !== '' && !dev);
    expect(used.length).toBeGreaterThan(20);
    expect(used.filter(([, { license = '' }]) => !PERMITTED.includes(license)).map(([path]) => path)).toEqual([]);
  });
});

describe('the SBOM', () => {
  it('names every package that is in a bundle', async () => {
    const listed = new Set(sbom().components.map(({ name }) => name));
    const { metafile } = await build({
      entryPoints: ['src/main.ts', 'src/kubectl-rekey.ts', 'src/rekey.ts'].map((file) => join(root, file)),
      ...{ absWorkingDir: root, bundle: true, write: false, metafile: true, outdir: 'out' },
      ...{ platform: 'node', format: 'esm', logLevel: 'silent' },
    });
    const bundled = Object.keys(metafile.inputs).flatMap(
      (path) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? [],
    );
    expect(bundled).toContain('undici');
    expect([...new Set(bundled)].filter((name) => !listed.has(name))).toEqual([]);
  });

  it('is the same each time, and names Node', () => {
    const made = sbom();
    expect(sbom()).toEqual(made);
    expect(made.components.map(({ name }) => name)).not.toContain('vitest');
    expect(made.metadata.component).toMatchObject({ name: 'rekey', version: JSON.parse(read('package.json')).version });
    expect(made.components).toContainEqual(
      expect.objectContaining({ name: 'node', version: devDependencies?.node, type: 'application' }),
    );
  });
});
