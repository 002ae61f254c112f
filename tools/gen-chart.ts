/**
 * Writes what the Helm chart shares with the other ways to install: the CRD, the policies, the rules of the Roles, the preload, and the version.
 *
 * Usage: node tools/gen-chart.ts [--check]     --check writes nothing and exits 1 when a file differs
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const chart = join(root, 'deploy', 'chart');
const isCheck = process.argv.includes('--check');

const read = (...path: readonly string[]): string => readFileSync(join(root, ...path), 'utf8');

/** The rules of a role, as they are written. */
function rulesOf(folder: string, name: string): string {
  const documents = read('deploy', folder, 'rbac.yaml').split('\n---\n');
  const role = documents.find((text) => text.includes(`\n  name: ${name}\n`) && text.includes('\nrules:\n'));
  if (role === undefined) throw new Error(`deploy/${folder}/rbac.yaml: there is no role ${name}`);
  return role.slice(role.indexOf('\nrules:\n') + 1).concat('\n');
}

/** The spec of an object of deploy/monitoring, as it is written. */
function specOf(file: string): string {
  const text = read('deploy', 'monitoring', file);
  return text.slice(text.indexOf('\nspec:\n') + 1);
}

/** Names of roles by their folders. */
const ROLES = {
  base: 'rekey-watch',
  namespace: 'rekey',
  files: 'rekey-files',
  rollouts: 'rekey-rollouts',
  residue: 'rekey-residue',
};
const policies = readdirSync(join(root, 'deploy', 'policies')).filter((name) => name !== 'kustomization.yaml');
const { version } = JSON.parse(read('package.json')) as { readonly version: string };
const head = read('deploy', 'chart', 'Chart.yaml')
  .replace(/^version: .*$/m, `version: ${version}`)
  .replace(/^appVersion: .*$/m, `appVersion: "${version}"`);

const CRD = 'jwtkeyrotations.rekey.dev.yaml';
const wanted = new Map<string, string>([
  ['Chart.yaml', head],
  [`files/${CRD}`, read('crds', CRD)],
  ['files/monitoring-rules.yaml', specOf('rules.yaml')],
  ['files/monitoring-podmonitor.yaml', specOf('podmonitor.yaml')],
  ['files/preload.yaml', read('deploy', 'preload', 'config-map.yaml')],
  ...policies.map((name) => [`files/policy-${name}`, read('deploy', 'policies', name)] as const),
  ...Object.entries(ROLES).map(([folder, name]) => [`files/role-${folder}.yaml`, rulesOf(folder, name)] as const),
]);

const found = readdirSync(join(chart, 'files')).map((name) => `files/${name}`);
const stale = found.filter((name) => !wanted.has(name));
const changed = [...wanted].filter(([name, text]) => textOf(name) !== text).map(([name]) => name);

function textOf(name: string): string | undefined {
  try {
    return readFileSync(join(chart, name), 'utf8');
  } catch {
    return undefined;
  }
}

if (isCheck) {
  for (const name of [...changed, ...stale]) console.error(`deploy/chart/${name} is out of date: run npm run generate`);
  process.exitCode = changed.length + stale.length === 0 ? 0 : 1;
} else {
  for (const name of changed) writeFileSync(join(chart, name), wanted.get(name) ?? '');
  for (const name of stale) rmSync(join(chart, name));
}
