/**
 * Where the API server is and who we are: a thin wrap of the client library's KubeConfig, which knows the file format,
 * exec plugins, token files and in-cluster accounts.
 */
import { KubeConfig } from '@kubernetes/client-node';

export interface KubeConfigOptions {
  /** Path of a kubeconfig file; the files of KUBECONFIG, `~/.kube/config`, then the pod's service account if absent. */
  readonly kubeconfig?: string | undefined;
  /** Context to use instead of the current one. */
  readonly context?: string | undefined;
  /** Namespace to use instead of that of the context. */
  readonly namespace?: string | undefined;
}

export interface TlsMaterial {
  readonly ca?: string | Buffer | undefined;
  readonly cert?: string | Buffer | undefined;
  readonly key?: string | Buffer | undefined;
  readonly servername?: string | undefined;
  readonly rejectUnauthorized?: boolean | undefined;
}

/** What a request needs now. Tokens and certificates change while the process runs. */
export interface Credentials {
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: TlsMaterial;
}

/** The API server and our way in. */
export interface ClusterAccess {
  readonly server: URL;
  /** Of the context or the pod; `default` if neither says. */
  readonly namespace: string;
  /** HTTP proxy of the cluster entry. */
  readonly proxyUrl: string | undefined;
  /** Headers and TLS material as of now: token files are read again once a minute, certificates at each call. */
  credentials(): Promise<Credentials>;
  /** Forgets cached tokens and reads the files again; to be called after a 401. */
  refresh(): void;
}

/** No usable way to a cluster. The message says what is missing and where. */
export class KubeConfigError extends Error {
  override readonly name = 'KubeConfigError';
  readonly code = 'KubeConfig';
}

/**
 * @throws KubeConfigError if there is no configuration, or it does not name a server over TLS and a user
 * @see https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
 */
export function loadKubeConfig(options: KubeConfigOptions = {}): ClusterAccess {
  let config = read(options);
  let pending: Promise<Credentials> | undefined;
  const cluster = clusterOf(config);
  return {
    server: new URL(cluster.server),
    namespace: options.namespace ?? config.getContextObject(config.getCurrentContext())?.namespace ?? 'default',
    proxyUrl: cluster.proxyUrl,
    credentials: () => {
      // One at a time, so that a burst of calls starts an exec plugin once.
      pending ??= credentialsOf(config).finally(() => {
        pending = undefined;
      });
      return pending;
    },
    refresh: () => {
      config = read(options);
    },
  };
}

function read({ kubeconfig, context }: KubeConfigOptions): KubeConfig {
  const config = new KubeConfig();
  try {
    if (kubeconfig === undefined) config.loadFromDefault();
    else config.loadFromFile(kubeconfig);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new KubeConfigError(`kubeconfig ${kubeconfig ?? process.env.KUBECONFIG ?? ''} cannot be read: ${why}`);
  }
  if (context !== undefined) config.setCurrentContext(context);
  verify(config, kubeconfig);
  return config;
}

function verify(config: KubeConfig, kubeconfig: string | undefined): void {
  const name = config.getCurrentContext();
  const where = kubeconfig === undefined ? 'the kubeconfig' : `kubeconfig ${kubeconfig}`;
  // What the library makes up when it finds nothing: a plain HTTP server on this machine.
  if (name === 'loaded-context' && config.getCurrentCluster()?.server === 'http://localhost:8080') {
    throw new KubeConfigError('no kubeconfig file and no service account found: set --kubeconfig or KUBECONFIG');
  }
  const context = config.getContextObject(name);
  if (context === null) throw new KubeConfigError(`${where} has no context ${JSON.stringify(name ?? '')}`);
  const cluster = clusterOf(config);
  if (config.getCurrentUser() === null) {
    throw new KubeConfigError(`${where} has no user ${JSON.stringify(context.user)}, which context ${name} names`);
  }
  if (cluster.proxyUrl !== undefined && !/^https?:/.test(cluster.proxyUrl)) {
    throw new KubeConfigError(`cluster ${cluster.name} of ${where} has a proxy-url that is not http or https`);
  }
  if (!cluster.server.startsWith('https:') && !cluster.skipTLSVerify) {
    throw new KubeConfigError(`cluster ${cluster.name} of ${where} is not https: ${cluster.server}`);
  }
}

function clusterOf(config: KubeConfig): NonNullable<ReturnType<KubeConfig['getCurrentCluster']>> {
  const cluster = config.getCurrentCluster();
  if (cluster === null || !URL.canParse(cluster.server)) {
    throw new KubeConfigError(`context ${config.getCurrentContext()} names no cluster with a valid server URL`);
  }
  return cluster;
}

/** The library's options for node:https, of which its own `agent` is left aside: it would open a connection per call. */
interface LibraryOptions {
  headers?: Record<string, string>;
  auth?: string;
  ca?: string | Buffer;
  cert?: string | Buffer;
  key?: string | Buffer;
  servername?: string;
  rejectUnauthorized?: boolean;
}

async function credentialsOf(config: KubeConfig): Promise<Credentials> {
  const options: LibraryOptions = {};
  await config.applyToHTTPSOptions(options);
  const { headers = {}, auth, ca, cert, key, servername, rejectUnauthorized } = options;
  const basic = auth === undefined ? {} : { Authorization: `Basic ${Buffer.from(auth).toString('base64')}` };
  return { headers: { ...basic, ...headers }, tls: { ca, cert, key, servername, rejectUnauthorized } };
}
