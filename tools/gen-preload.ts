/**
 * Writes what delivers the preloads of keyring/preload, from their files: the Kustomize component deploy/preload, and what
 * `kubectl rekey inject` prints.
 *
 * Usage: node tools/gen-preload.ts [--check]     --check writes nothing and exits 1 when a file differs
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { dump } from 'js-yaml';

const ROOT = new URL('../', import.meta.url);
const SOURCES = ['node/rekey.cjs', 'python/sitecustomize.py', 'ruby/rekey.rb'];
/** Where containers have the files. */
const FOLDER = '/opt/rekey';
/** How each language is made to load its file: `delimiter` stands between this value and what a manifest has already. */
const LANGUAGES = {
  node: { variable: 'NODE_OPTIONS', value: `--require ${FOLDER}/rekey.cjs`, delimiter: ' ' },
  // the first sitecustomize alone is run
  python: { variable: 'PYTHONPATH', value: FOLDER, delimiter: ':', first: true },
  ruby: { variable: 'RUBYOPT', value: `-r${FOLDER}/rekey.rb`, delimiter: ' ' },
} as const;

const read = (path: string) => readFileSync(new URL(path, ROOT), 'utf8');

const files = Object.fromEntries(
  SOURCES.map((source) => [source.replace(/^.*\//, ''), read(`keyring/preload/${source}`)]),
);
const digest = createHash('sha256').update(JSON.stringify(files)).digest('hex');
const { version } = JSON.parse(read('package.json')) as { readonly version: string };
const NOTE = '# Generated from keyring/preload by tools/gen-preload.ts. Do not edit: run npm run generate.\n';

const label = 'rekey.dev/preload';
const configMap = {
  ...{ apiVersion: 'v1', kind: 'ConfigMap' },
  metadata: { name: `rekey-preload-${digest.slice(0, 10)}`, labels: { 'app.kubernetes.io/part-of': 'rekey' } },
  immutable: true,
  data: files,
};
const volume = { name: 'rekey-preload', configMap: { name: configMap.metadata.name } };
/** Which preload it is, in the environment of the pod. */
const shown = `${version} sha256:${digest}`;

/** A variable or a mount of the first container of each workload with the label. */
function replacement(sourceValue: string, labelSelector: string, path: string, options: object = {}): object {
  const fieldPaths = [`spec.template.spec.containers.0.${path}`];
  const targets = [{ select: { group: 'apps', labelSelector }, fieldPaths, options: { create: true, ...options } }];
  return { sourceValue, targets };
}

const component = {
  ...{ apiVersion: 'kustomize.config.k8s.io/v1alpha1', kind: 'Component' },
  resources: ['config-map.yaml'],
  patches: [
    {
      target: { group: 'apps', labelSelector: label },
      patch: dump({
        ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'any' } },
        spec: { template: { spec: { volumes: [volume] } } },
      }),
    },
  ],
  replacements: [
    ...Object.entries(LANGUAGES).map(([language, { variable, value, delimiter, ...rest }]) =>
      replacement(value, `${label}=${language}`, `env.[name=${variable}].value`, {
        ...{ delimiter, index: 'first' in rest ? -1 : 99 },
      }),
    ),
    replacement(shown, label, 'env.[name=REKEY_PRELOAD].value'),
    replacement(volume.name, label, `volumeMounts.[mountPath=${FOLDER}].name`),
  ],
};

const USE = `# Lets services accept JWT_SECRET_KEY_FALLBACKS without a change of their code: docs/services/preload.md. In your kustomization:
#
#   components: [PATH/deploy/preload]
#
# and on each workload whose first container is to get it the label ${label}: node, python or ruby.
`;

const wanted: Readonly<Record<string, string>> = {
  'deploy/preload/config-map.yaml': `${NOTE}${dump(configMap, { lineWidth: -1 })}`,
  'deploy/preload/kustomization.yaml': `${NOTE}${USE}${dump(component, { lineWidth: -1 })}`,
  'src/rotation/people/preload.json': `${JSON.stringify({ folder: FOLDER, shown, languages: LANGUAGES, configMap, volume }, undefined, 2)}\n`,
};

for (const [path, text] of Object.entries(wanted)) {
  if (!process.argv.includes('--check')) writeFileSync(new URL(path, ROOT), text);
  else if (read(path) !== text) {
    console.error(`${path} differs from keyring/preload: run npm run generate and commit the result`);
    process.exitCode = 1;
  }
}
