/**
 * Prints what the operator and the command lines are made of, as CycloneDX 1.5 (https://cyclonedx.org): the packages of the lock
 * file that are used at run time, by npm itself, and the Node that runs them. The same lock file gives the same document.
 *
 * Usage: node tools/gen-sbom.ts [FILE]
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');

interface Component {
  readonly name: string;
  readonly version: string;
  readonly [field: string]: unknown;
}

/** What a package needs, by references. */
interface Edges {
  readonly ref: string;
  readonly dependsOn: readonly string[];
}

/** As far as it is looked at. */
export interface Sbom {
  readonly bomFormat: 'CycloneDX';
  readonly specVersion: string;
  readonly metadata: { readonly component: Component };
  readonly components: readonly Component[];
}

/** Packages of the lock file that are used at run time, as npm refers to them in the document. */
function usedAtRunTime(): ReadonlySet<string> {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<
      Record<string, { readonly name?: string; readonly version: string; readonly dev?: true }>
    >;
  };
  const used = Object.entries(packages).filter(([path, { dev }]) => path !== '' && !dev);
  return new Set(used.map(([path, { name, version }]) => `${name ?? path.split('node_modules/').at(-1)}@${version}`));
}

/** @throws Error when npm cannot read the lock file */
export function sbom(): Sbom {
  // --omit=dev would also omit what a tool for development uses too (npm 11.19)
  const args = ['sbom', '--sbom-format=cyclonedx', '--package-lock-only'];
  const made = JSON.parse(execFileSync('npm', args, { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 26 }));
  const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const version: string = devDependencies.node;
  const node = {
    ...{ 'bom-ref': `node@${version}`, type: 'application', name: 'node', version, scope: 'required' },
    purl: `pkg:generic/node@${version}`,
    licenses: [{ license: { id: 'MIT' } }],
  };
  const used = usedAtRunTime();
  const components = made.components.filter(({ name, version }: Component) => used.has(`${name}@${version}`));
  const refs = new Set<unknown>([...components, made.metadata.component].map((each: Component) => each['bom-ref']));
  const dependencies = made.dependencies
    .filter(({ ref }: Edges) => refs.has(ref))
    .map(({ ref, dependsOn }: Edges) => ({ ref, dependsOn: dependsOn.filter((each) => refs.has(each)) }));
  // a number and a time of its own would make every document another one; the name is that of the folder
  const { serialNumber: _, ...rest } = made;
  const { timestamp: __, ...metadata } = made.metadata;
  const component = { ...metadata.component, type: 'application', name: 'rekey' };
  return { ...rest, metadata: { ...metadata, component }, components: [...components, node], dependencies };
}

if (import.meta.main) {
  const text = `${JSON.stringify(sbom(), undefined, 2)}\n`;
  const file = process.argv[2];
  if (file === undefined) process.stdout.write(text);
  else writeFileSync(file, text);
}
