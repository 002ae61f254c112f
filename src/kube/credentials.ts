/**
 * Credentials from a user entry of a kubeconfig, as client-go reads them: a token file overrides a token and is read
 * again each time, and an exec plugin runs again when its credentials have expired.
 */

import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { defined } from '../base/objects.ts';
import { type ExecCluster, type ExecCredential, execPluginOf, runExecPlugin } from './exec-plugin.ts';
import { fileTrouble } from './files.ts';
import type { Entry } from './kubeconfig.ts';

export interface TlsMaterial {
  readonly ca?: string | Buffer | undefined;
  readonly cert?: string | Buffer | undefined;
  readonly key?: string | Buffer | undefined;
  readonly servername?: string | undefined;
  readonly rejectUnauthorized?: boolean | undefined;
}

/** The credentials of one request. Tokens and certificates change while the process runs. */
export interface Credentials {
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly tls: TlsMaterial;
  /** A plugin gave them, which knows when they end. */
  readonly asked?: true;
}

/** @returns the current credentials */
export type CredentialSource = () => Promise<Credentials>;

/** @throws KubeConfigError if they cannot be used, as far as that shows without running a plugin */
export function credentialSource(cluster: Entry, user: Entry, now: () => number): CredentialSource {
  checkMethods(user);
  const server = serverTls(cluster);
  const bearer = bearerOf(user);
  const asked = askedFor(cluster, user, now);
  const impersonated = impersonation(user);
  checkTls(cluster, user, { ...server(), ...clientTls(user) });
  bearer();
  return async () => {
    const { token, ...given } = (await asked?.()) ?? {};
    const authorization = basicOf(user) ?? bearer() ?? (token === undefined ? undefined : `Bearer ${token}`);
    return {
      headers: { ...defined({ Authorization: authorization }), ...impersonated },
      tls: { ...server(), ...clientTls(user), ...given },
      ...(asked !== undefined && { asked: true as const }),
    };
  };
}

/** Refuses ambiguous entries, as client-go does. */
function checkMethods(user: Entry): void {
  const methods = [
    ...(user.has('token', 'tokenFile') ? ['a token'] : []),
    ...(user.has('username', 'password') ? ['a user name with a password'] : []),
  ];
  if (methods.length > 1) throw user.error(`it has ${methods.join(' and ')}: keep only one`);
  if (user.has('exec') && user.has('auth-provider')) throw user.error('it has exec and auth-provider: keep only one');
  const half = !user.has('as') && user.has('as-uid', 'as-groups', 'as-user-extra');
  if (half) throw user.error('it has as-uid, as-groups or as-user-extra without as');
}

function serverTls(cluster: Entry): () => TlsMaterial {
  const insecure = cluster.flag('insecure-skip-tls-verify');
  const servername = cluster.text('tls-server-name');
  const ca = material(cluster, 'certificate-authority');
  if (insecure && cluster.has('certificate-authority', 'certificate-authority-data')) {
    throw cluster.error('it has insecure-skip-tls-verify and a certificate-authority: keep only one');
  }
  return () => {
    const trusted = ca();
    return {
      ...defined({ ca: trusted, servername }),
      ...(insecure && { rejectUnauthorized: false }),
    };
  };
}

/** @returns the CA of a cluster, PEM */
export function authorityOf(cluster: Entry): Buffer | undefined {
  return material(cluster, 'certificate-authority')();
}

function clientTls(user: Entry): Pick<TlsMaterial, 'cert' | 'key'> {
  const cert = material(user, 'client-certificate')();
  const key = material(user, 'client-key')();
  if (cert === undefined) return {};
  if (key === undefined) throw user.error('it has a client-certificate and no client-key');
  return { cert, key };
}

/** @returns a function that reads the file of this field, or returns the inline data of its sibling field */
function material(entry: Entry, field: string): () => Buffer | undefined {
  const data = entry.bytes(`${field}-data`);
  const path = entry.path(field);
  if (data !== undefined && path !== undefined) throw entry.error(`it has ${field} and ${field}-data: keep only one`);
  return () => data ?? (path === undefined ? undefined : fileOf(entry, field, path));
}

function fileOf(entry: Entry, field: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw entry.error(`${entry.shownPath(field)}: ${fileTrouble(error)}`);
  }
}

function checkTls(cluster: Entry, user: Entry, { ca, cert, key }: TlsMaterial): void {
  if (ca !== undefined && !/-----BEGIN (TRUSTED |X509 )?CERTIFICATE-----/.test(ca.toString())) {
    throw cluster.error('its certificate-authority holds no certificate (PEM)');
  }
  try {
    createSecureContext({ ...defined({ cert, key }) });
  } catch {
    throw user.error('its client-certificate and client-key are not a pair of certificate and key (PEM)');
  }
}

function basicOf(user: Entry): string | undefined {
  if (!user.has('username', 'password')) return undefined;
  const pair = `${user.text('username') ?? ''}:${user.text('password') ?? ''}`;
  return `Basic ${Buffer.from(pair).toString('base64')}`;
}

/** @returns a function that reads the current token: from the file, else the last one read from it, else the inline token */
function bearerOf(user: Entry): () => string | undefined {
  const path = user.path('tokenFile');
  let last = user.text('token');
  if (last !== undefined) checkHeader(last, 'its token', user);
  const read = () => {
    if (path === undefined) return last;
    try {
      const token = fileOf(user, 'tokenFile', path).toString().trim();
      if (token === '') throw user.error(`${user.shownPath('tokenFile')}: it is empty`);
      checkHeader(token, `the token in ${path}`, user);
      last = token;
    } catch (error) {
      // the file may be half written
      if (last === undefined) throw error;
    }
    return last;
  };
  return () => {
    const token = read();
    return token === undefined ? undefined : `Bearer ${token}`;
  };
}

/** Credentials from an exec plugin or an old-style provider. Undefined if the entry has credentials itself. */
function askedFor(
  cluster: Entry,
  user: Entry,
  now: () => number,
): (() => Promise<{ token?: string; cert?: string; key?: string }>) | undefined {
  if (user.has('token', 'tokenFile', 'username', 'password', 'client-certificate', 'client-certificate-data')) return;
  const exec = user.part('exec');
  if (exec === undefined) return user.part('auth-provider') === undefined ? undefined : providerToken(user);
  const plugin = execPluginOf(exec);
  let credential: ExecCredential | undefined;
  return async () => {
    const fresh = credential !== undefined && (credential.expiresAt ?? Number.POSITIVE_INFINITY) > now();
    credential = fresh ? credential : await runExecPlugin(plugin, execCluster(cluster));
    const { token, cert, key } = credential as ExecCredential;
    if (token !== undefined) checkHeader(token, `the token of ${plugin.command}`, user);
    return { ...defined({ token }), ...(cert !== undefined && key !== undefined && { cert, key }) };
  };
}

/** Information for a plugin: the cluster entry, its CA as bytes, and its extension for plugins. */
function execCluster(cluster: Entry): ExecCluster {
  const ca = authorityOf(cluster)?.toString('base64');
  const serverName = cluster.text('tls-server-name');
  const proxyUrl = cluster.text('proxy-url');
  const extension = cluster
    .parts('extensions')
    .find((item) => item.text('name') === 'client.authentication.k8s.io/exec');
  return {
    server: cluster.text('server') ?? '',
    ...defined({ 'tls-server-name': serverName }),
    ...(cluster.flag('insecure-skip-tls-verify') && { 'insecure-skip-tls-verify': true }),
    ...defined({ 'certificate-authority-data': ca, 'proxy-url': proxyUrl }),
    ...(cluster.flag('disable-compression') && { 'disable-compression': true }),
    ...defined({ config: extension?.raw('extension') }),
  };
}

/** The client library is loaded only where it is needed: it takes tens of MB. */
function providerToken(user: Entry): () => Promise<{ token: string }> {
  let loading: Promise<() => Promise<string>> | undefined;
  return async () => {
    loading ??= import('./auth-provider.ts').then(({ providerOf }) => providerOf(user));
    const token = await (await loading)();
    checkHeader(token, 'the token of its auth-provider', user);
    return { token };
  };
}

function impersonation(user: Entry): Readonly<Record<string, string | string[]>> {
  const [as, uid, groups] = [user.text('as'), user.text('as-uid'), user.texts('as-groups')];
  const extra = user.part('as-user-extra');
  const headers = {
    ...defined({ 'Impersonate-User': as, 'Impersonate-Uid': uid }),
    ...(groups.length > 0 && { 'Impersonate-Group': [...groups] }),
    ...Object.fromEntries(
      extra?.names().map((name) => [`Impersonate-Extra-${headerName(name)}`, [...extra.texts(name)]]) ?? [],
    ),
  };
  for (const value of Object.values(headers).flat()) checkHeader(value, 'what it impersonates', user);
  return headers;
}

/** Percent-encodes each byte that the name of a header may not have. */
function headerName(text: string): string {
  const escaped = (byte: number) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  const sign = (byte: number) => String.fromCharCode(byte);
  return [...Buffer.from(text)]
    .map((byte) => (/[A-Za-z0-9!#$&'*+.^_`|~-]/.test(sign(byte)) && byte < 128 ? sign(byte) : escaped(byte)))
    .join('');
}

/** @throws KubeConfigError with the place of a character that cannot be sent, without any of the text */
function checkHeader(text: string, what: string, user: Entry): void {
  const at = text.search(/[^\x20-\x7e]/);
  if (at === -1) return;
  const sign = /[\r\n]/.test(text.charAt(at)) ? 'a line break' : 'a character';
  throw user.error(`${what} has ${sign} at ${at + 1} that an HTTP header cannot carry: remove it`);
}
