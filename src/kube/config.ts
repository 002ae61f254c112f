/**
 * Where the API server is and who we are: by a kubeconfig, or by the service account of the pod.
 */
import { existsSync, readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { ImpersonationError, KubeConfigError } from './config-error.ts';
import { type CredentialSource, type Credentials, credentialSource } from './credentials.ts';
import { Entry, type Kubeconfig, readKubeconfigs } from './kubeconfig.ts';
import { Recent } from './recent.ts';

export { KubeConfigError } from './config-error.ts';
export type { Credentials, TlsMaterial } from './credentials.ts';

export interface KubeConfigOptions {
  /** Path of a kubeconfig file; the files of KUBECONFIG, `~/.kube/config`, then the pod's service account if absent. */
  readonly kubeconfig?: string | undefined;
  /** Context to use instead of the current one. */
  readonly context?: string | undefined;
  /** Namespace to use instead of that of the context. */
  readonly namespace?: string | undefined;
  /** Whom to act as, in place of what the user entry says; each field by itself, as kubectl does. */
  readonly impersonate?: Impersonate | undefined;
  /** Where Kubernetes puts the service account of a pod. */
  readonly serviceAccount?: string | undefined;
  /** Milliseconds since the epoch. */
  readonly now?: (() => number) | undefined;
}

/** @see https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation */
export interface Impersonate {
  readonly user?: string | undefined;
  readonly uid?: string | undefined;
  readonly groups?: readonly string[] | undefined;
}

/** The API server and our way in. */
export interface ClusterAccess {
  readonly server: URL;
  /** Of the context or the pod; `default` if neither says. */
  readonly namespace: string;
  /** HTTP proxy of the cluster entry. */
  readonly proxyUrl: string | undefined;
  /** Headers and TLS material as of now, or of less than a second ago: files with tokens and certificates are read again then. */
  credentials(): Promise<Credentials>;
  /** Forgets what was asked for, and reads the kubeconfig again; to be called after a 401. */
  refresh(): void;
}

/** The entries that a context leads to. */
interface Way {
  /** Its name; undefined for the service account of a pod. */
  readonly context?: string;
  readonly cluster: Entry;
  readonly user: Entry;
  readonly namespace: string | undefined;
}

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
/** Credentials are read again at most once in this time, milliseconds. */
const REFRESH_MS = 1_000;
/** Of names in an error. */
const MOST_TOLD = 10;

/**
 * @throws KubeConfigError if there is no configuration, or it does not name a server over TLS and a user
 * @see https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
 */
export function loadKubeConfig(options: KubeConfigOptions = {}): ClusterAccess {
  const now = options.now ?? Date.now;
  const way = wayOf(options);
  const server = serverOf(way.cluster);
  let refreshedAt = Number.NEGATIVE_INFINITY;
  let source: CredentialSource = credentialSource(way.cluster, way.user, now);
  const recent = new Recent(now);
  let pending: Promise<Credentials> | undefined;
  return {
    server,
    namespace: options.namespace ?? way.namespace ?? 'default',
    proxyUrl: proxyOf(way.cluster),
    credentials: () => {
      // One at a time, so that a burst of calls starts an exec plugin once.
      pending ??= recent.of(source).finally(() => {
        pending = undefined;
      });
      return pending;
    },
    refresh: () => {
      recent.forget();
      // of a burst of calls that are refused, the first one does it
      if (now() - refreshedAt < REFRESH_MS) return;
      // whoever changes the current context meanwhile means another server, to which these calls do not go
      const { cluster, user } = wayOf({ ...options, context: way.context });
      const other = serverOf(cluster);
      if (other.href !== server.href)
        throw cluster.error(`its server has changed from ${server.host} to ${other.host}`);
      source = credentialSource(cluster, user, now);
      refreshedAt = now();
    },
  };
}

function wayOf(options: KubeConfigOptions): Way {
  const way = ownWay(options);
  const { user, uid, groups } = options.impersonate ?? {};
  const acting = way.user.with({ as: user, 'as-uid': uid, 'as-groups': groups });
  if ((uid !== undefined || groups !== undefined) && !acting.has('as')) {
    throw new ImpersonationError('--as-uid and --as-group need a user to act as: add --as');
  }
  return { ...way, user: acting };
}

function ownWay({ kubeconfig = '', context = '', serviceAccount = SERVICE_ACCOUNT }: KubeConfigOptions): Way {
  if (kubeconfig !== '') return wayIn(readKubeconfigs([kubeconfig], true), context);
  const files = filesByDefault();
  const config = readKubeconfigs(files, false);
  const isEmpty = config.cluster.size === 0 && config.user.size === 0 && config.context.size === 0;
  if (!isEmpty) return wayIn(config, context);
  if (existsSync(join(serviceAccount, 'token'))) return wayOfPod(serviceAccount);
  const looked = config.files.length === 0 ? 'there is no' : 'there is nothing in';
  throw new KubeConfigError(
    `no kubeconfig file and no service account found: ${looked} ${files.join(', ')}. Set --kubeconfig or KUBECONFIG`,
  );
}

/** @returns the names of all contexts, of this file or of those that are read without one */
export function contextsOf(kubeconfig = ''): readonly string[] {
  const files = kubeconfig === '' ? filesByDefault() : [kubeconfig];
  return [...readKubeconfigs(files, false).context.keys()].sort();
}

function filesByDefault(): readonly string[] {
  const files = (process.env.KUBECONFIG ?? '').split(delimiter).filter((file) => file !== '');
  return files.length > 0 ? files : [join(process.env.HOME || homedir(), '.kube', 'config')];
}

function wayIn(config: Kubeconfig, named: string): Way {
  const where = `kubeconfig ${config.files.join(', ')}`;
  const name = named === '' ? config.currentContext : named;
  if (name === undefined) {
    throw new KubeConfigError(`${where} has no current context: give --context (${namesIn(config.context)})`);
  }
  const context = config.context.get(name);
  if (context === undefined) {
    throw new KubeConfigError(`${where} has no context ${JSON.stringify(name)}, but ${namesIn(config.context)}`);
  }
  const entry = (kind: 'cluster' | 'user') => {
    const wanted = context.text(kind);
    if (wanted === undefined) throw context.error(`it names no ${kind}`);
    const found = config[kind].get(wanted);
    if (found === undefined) throw context.error(`there is no ${kind} ${JSON.stringify(wanted)}, which it names`);
    return found;
  };
  return { context: name, cluster: entry('cluster'), user: entry('user'), namespace: context.text('namespace') };
}

function namesIn(entries: ReadonlyMap<string, Entry>): string {
  const names = [...entries.keys()].sort().map((name) => JSON.stringify(name));
  const more = names.length > MOST_TOLD ? ` and ${names.length - MOST_TOLD} more` : '';
  return names.length === 0 ? 'none' : `${names.slice(0, MOST_TOLD).join(', ')}${more}`;
}

/** @see https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/ */
function wayOfPod(folder: string): Way {
  const { KUBERNETES_SERVICE_HOST: host = '', KUBERNETES_SERVICE_PORT: port = '' } = process.env;
  if (host === '' || port === '') {
    throw new KubeConfigError(
      'a service account was found, but no KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT',
    );
  }
  const server = `https://${isIPv6(host) ? `[${host}]` : host}:${port}`;
  const inFolder = (name: string) => join(folder, name);
  const where = `the service account in ${folder}`;
  const namespace = inFolder('namespace');
  return {
    cluster: new Entry(where, folder, { server, 'certificate-authority': inFolder('ca.crt') }),
    user: new Entry(where, folder, { tokenFile: inFolder('token') }),
    namespace: existsSync(namespace) ? readFileSync(namespace, 'utf8').trim() || undefined : undefined,
  };
}

function serverOf(cluster: Entry): URL {
  const text = cluster.text('server');
  if (text === undefined) throw cluster.error('it has no server');
  const server = URL.canParse(text) ? new URL(text) : undefined;
  if (server === undefined || server.host === '') throw cluster.error('its server is not a valid URL');
  if (server.protocol === 'https:') return server;
  if (server.protocol === 'http:' && cluster.flag('insecure-skip-tls-verify')) return server;
  throw cluster.error(`its server is not https: ${server.protocol}//${server.host}`);
}

function proxyOf(cluster: Entry): string | undefined {
  const url = cluster.text('proxy-url');
  if (url === undefined || (/^https?:\/\//.test(url) && URL.canParse(url))) return url;
  throw cluster.error('its proxy-url is not http or https, and rekey supports no other');
}
