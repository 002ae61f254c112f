/**
 * Credentials from a program that the kubeconfig names, requested as client-go does. The standard output of the program
 * is the credential, so it is never shown.
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
 */
import { spawn } from 'node:child_process';
import { KubeConfigError } from './config-error.ts';
import type { Entry } from './kubeconfig.ts';
import { oneLine } from './printable.ts';

/** The checked output of a program. */
export interface ExecCredential {
  readonly token: string | undefined;
  /** PEM. */
  readonly cert: string | undefined;
  readonly key: string | undefined;
  /** Milliseconds since the epoch; undefined: until the API server refuses it. */
  readonly expiresAt: number | undefined;
}

/** The cluster in the form of KUBERNETES_EXEC_INFO. */
export interface ExecCluster {
  readonly server: string;
  readonly [field: string]: unknown;
}

export interface ExecPlugin {
  /** For people. */
  readonly where: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly apiVersion: string;
  readonly mode: string;
  readonly installHint: string | undefined;
  readonly provideClusterInfo: boolean;
}

const VERSIONS = ['client.authentication.k8s.io/v1', 'client.authentication.k8s.io/v1beta1'];
const MODES = ['Never', 'IfAvailable', 'Always'];
const MAX_OUTPUT = 1024 * 1024;
/** How much of the end of the error output is kept: a program reports its failure there. */
const MAX_SAID = 2_048;
/** A word as long as a token that is not a path. */
const LONG_WORD = /[A-Za-z0-9+=_.-]{40,}/g;
/** A program may print its answer to the wrong stream. */
const SECRET_FIELD = /(["']?(?:token|clientKeyData|password|secret)["']?\s*[:=]\s*)("(?:[^"\\]|\\.)*"?|\S+)/gi;

/** @throws KubeConfigError if client-go would refuse it, too; an absent interactiveMode means IfAvailable */
export function execPluginOf(exec: Entry): ExecPlugin {
  const command = exec.command('command');
  const apiVersion = exec.text('apiVersion') ?? '';
  const mode = exec.text('interactiveMode') ?? 'IfAvailable';
  if (command === undefined) throw exec.error('command is missing');
  if (!VERSIONS.includes(apiVersion)) throw exec.error(`apiVersion must be ${VERSIONS.join(' or ')}`);
  if (!MODES.includes(mode)) throw exec.error(`interactiveMode must be one of ${MODES.join(', ')}`);
  const env = exec.parts('env').map((item) => {
    const name = item.text('name');
    if (name === undefined) throw item.error('name is missing');
    return [name, item.text('value') ?? ''];
  });
  return {
    where: exec.where,
    args: exec.texts('args'),
    env: Object.fromEntries(env),
    installHint: exec.text('installHint'),
    provideClusterInfo: exec.flag('provideClusterInfo'),
    ...{ command, apiVersion, mode },
  };
}

/**
 * Runs the program. It gets the terminal, if there is one, and talks to the person directly.
 *
 * @param cluster passed to the program if it requests that
 * @throws KubeConfigError
 */
export async function runExecPlugin(plugin: ExecPlugin, cluster: ExecCluster): Promise<ExecCredential> {
  const { apiVersion, mode } = plugin;
  const interactive = mode !== 'Never' && process.stdin.isTTY === true;
  if (mode === 'Always' && !interactive)
    throw failed(plugin, 'it asks for input, and standard input is not a terminal');
  const spec = { ...(plugin.provideClusterInfo && { cluster }), interactive };
  const info = JSON.stringify({ kind: 'ExecCredential', apiVersion, spec });
  return credentialIn(await outputOf(plugin, info, interactive), plugin);
}

function outputOf(plugin: ExecPlugin, info: string, interactive: boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(plugin.command, plugin.args, {
      env: { ...process.env, ...plugin.env, KUBERNETES_EXEC_INFO: info },
      stdio: [interactive ? 'inherit' : 'ignore', 'pipe', interactive ? 'inherit' : 'pipe'],
    });
    let output = '';
    let said = '';
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      output = `${output}${chunk}`.slice(0, MAX_OUTPUT);
    });
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      said = `${said}${chunk}`.slice(-MAX_SAID);
    });
    child.on('error', (error) => reject(failed(plugin, notStarted(error, plugin))));
    child.on('close', (code, signal) => {
      if (code === 0) return resolve(output);
      const how = code === null ? `it was ended by ${signal}` : `it exited with status ${code}`;
      const why = oneLine(said.replaceAll(SECRET_FIELD, '$1[hidden]').replaceAll(LONG_WORD, '[hidden]'));
      reject(failed(plugin, why === '' ? how : `${how}: ${why}`));
    });
  });
}

function notStarted(error: NodeJS.ErrnoException, { installHint }: ExecPlugin): string {
  if (error.code !== 'ENOENT') return `it cannot be started (${error.code})`;
  const what = 'there is no such program: install it, or put its folder into PATH';
  return installHint === undefined ? what : `${what}. ${installHint.trim()}`;
}

function credentialIn(output: string, plugin: ExecPlugin): ExecCredential {
  const answer = fieldsOf(parsed(output));
  const status = fieldsOf(answer?.status);
  if (answer?.kind !== 'ExecCredential') throw failed(plugin, 'it did not print an ExecCredential in JSON');
  if (answer.apiVersion !== plugin.apiVersion) {
    throw failed(plugin, `it did not answer in ${plugin.apiVersion}, which the kubeconfig asks for`);
  }
  if (status === undefined) throw failed(plugin, 'its ExecCredential has no status');
  const [token, cert, key, expires] = ['token', 'clientCertificateData', 'clientKeyData', 'expirationTimestamp'].map(
    (field) => {
      const value = status[field] ?? '';
      if (typeof value !== 'string') throw failed(plugin, `status.${field} of its ExecCredential is not a text`);
      return value === '' ? undefined : value;
    },
  );
  if ((cert === undefined) !== (key === undefined)) {
    throw failed(plugin, 'its ExecCredential has only one of certificate and key');
  }
  if (token === undefined && cert === undefined)
    throw failed(plugin, 'its ExecCredential has no token and no certificate');
  const expiresAt = expires === undefined ? undefined : Date.parse(expires);
  if (Number.isNaN(expiresAt)) throw failed(plugin, 'status.expirationTimestamp of its ExecCredential is not a time');
  return { token, cert, key, expiresAt };
}

function failed({ command, where }: ExecPlugin, why: string): KubeConfigError {
  return new KubeConfigError(`${where}: ${command} gave no credentials: ${why}`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : undefined;
}
