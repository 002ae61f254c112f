import { readFileSync, writeFileSync } from 'node:fs';
import { dump, load } from 'js-yaml';

/** How to reach an API server and as whom: client certificate or bearer token. All certificates and keys are PEM text. */
export interface Credentials {
  readonly url: string;
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
  readonly token?: string;
}

/** Writes a kubeconfig file (mode 0600) with one context for these credentials. */
export function writeKubeconfig(path: string, user: string, credentials: Credentials): void {
  const { url, ca, cert, key, token } = credentials;
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'local', cluster: { server: url, 'certificate-authority-data': base64(ca) } }],
    users: [
      {
        name: user,
        user: {
          ...(cert === undefined ? {} : { 'client-certificate-data': base64(cert) }),
          ...(key === undefined ? {} : { 'client-key-data': base64(key) }),
          ...(token === undefined ? {} : { token }),
        },
      },
    ],
    contexts: [{ name: 'local', context: { cluster: 'local', user } }],
    'current-context': 'local',
  };
  writeFileSync(path, dump(config), { mode: 0o600 });
}

interface KubeconfigFile {
  clusters: { name: string; cluster: { server: string; 'certificate-authority-data'?: string } }[];
  users: { name: string; user: Record<string, string | undefined> }[];
  contexts: { name: string; context: { cluster: string; user: string } }[];
  'current-context': string;
}

/**
 * Reads the current context of a kubeconfig file whose certificates are inline,
 * as `writeKubeconfig` writes them.
 * @throws Error when the file is missing or its current context is incomplete
 */
export function readKubeconfig(path: string): Credentials {
  const config = load(readFileSync(path, 'utf8')) as KubeconfigFile;
  const context = config.contexts.find(({ name }) => name === config['current-context'])?.context;
  const cluster = config.clusters.find(({ name }) => name === context?.cluster)?.cluster;
  const user = config.users.find(({ name }) => name === context?.user)?.user;
  const ca = cluster?.['certificate-authority-data'];
  if (cluster === undefined || user === undefined || ca === undefined) {
    throw new Error(`${path}: the current context needs a cluster with inline CA and a user`);
  }
  const text = (base64: string): string => Buffer.from(base64, 'base64').toString();
  const { token, 'client-certificate-data': cert, 'client-key-data': key } = user;
  return {
    url: cluster.server,
    ca: text(ca),
    ...(cert === undefined ? {} : { cert: text(cert) }),
    ...(key === undefined ? {} : { key: text(key) }),
    ...(token === undefined ? {} : { token }),
  };
}
