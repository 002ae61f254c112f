/**
 * `env apply`: from the files of an environment to a Secret, and the JwtKeyRotation that looks after it from then on.
 */
import { loadConfig } from '../../env/config.ts';
import type { EnvConfig, EnvService } from '../../env/env-config.ts';
import { differences, type EnvironmentFiles, type KeyFile, readEnvironment } from '../../env/environment.ts';
import { burntKeysIn, emergencyWay, unwantedText } from '../../env/unwanted.ts';
import type { Operations } from '../../rotation/people/operations.ts';
import { formatDuration } from '../../rotation/schedule/duration.ts';
import type { KeyMaterial } from '../../rotation/secret/keys.ts';
import { listOf } from '../../rotation/secret/secret-data.ts';
import { CommandError, EXIT, type Exit, type Terminal } from '../terminal.ts';

export interface ApplyOptions {
  readonly environment: string;
  /** Name of the Secret and of the JwtKeyRotation. */
  readonly name: string;
}

/**
 * The JwtKeyRotation goes to standard output, so that it can be kept in Git or piped into kubectl.
 *
 * @returns failed if there is a Secret of this name already; it is not touched
 */
export async function apply(
  operations: Operations,
  terminal: Terminal,
  { environment, name }: ApplyOptions,
): Promise<Exit> {
  const config = await loadConfig(process.cwd());
  const found = await readEnvironment(config, environment);
  const { files, state } = found;
  const [truth] = files;
  if (truth === undefined) throw new CommandError(`${environment} has no file`, EXIT.failed);
  if (state !== undefined && state.keyset.phase !== 'Steady') {
    const message = `a rotation of ${environment} is under way (${state.keyset.phase}); end it first: rekey env continue ${environment}`;
    throw new CommandError(message, EXIT.failed);
  }
  const apart = files.filter(({ signing }) => !signing.equals(truth.signing)).map(({ shown }) => shown);
  if (apart.length > 0) {
    const message = `${apart.join(', ')}: not the key of ${truth.shown}. First run: rekey env sync ${environment}`;
    throw new CommandError(message, EXIT.failed);
  }
  const different = state === undefined ? [] : differences(found, state.keyset).map((each) => each.message);
  if (different.length > 0) {
    throw new CommandError(`${different.join('; ')}. First run: rekey env sync ${environment}`, EXIT.failed);
  }
  await refuseBurnt(found);
  await operations.createSecret(name, dataOf(files, config));
  terminal.printErr(
    `Secret ${name} created in ${operations.namespace}. Let the Deployments take the key from it, and remove it from the files\n`,
  );
  const { dump } = await import('js-yaml');
  terminal.print(
    dump(rotationOf(config, files, environment, name, operations.namespace), { noRefs: true, lineWidth: -1 }),
  );
  return EXIT.done;
}

/** Whoever has it could sign tokens for the cluster. */
async function refuseBurnt(found: EnvironmentFiles): Promise<void> {
  const burnt = await burntKeysIn(found);
  if (burnt.length === 0) return;
  const what = `BurntKey: ${unwantedText(burnt)}. It would be put into the Secret; nothing was created`;
  throw new CommandError(`${what}. ${emergencyWay(found.name)}`, EXIT.failed);
}

/** Every name that some file has, and the keys that some file accepts besides. */
function dataOf(files: readonly KeyFile[], { fallbacksName }: EnvConfig): Readonly<Record<string, string>> {
  const [truth] = files;
  const base64 = (key: KeyMaterial | undefined) => key?.use((bytes) => bytes.toString('base64')) ?? '';
  const names = [...new Set(files.flatMap((file) => file.names))];
  const fallbacks = files.flatMap((file) => file.fallbacks);
  const distinct = fallbacks.filter((key, i) => fallbacks.findIndex((other) => other.equals(key)) === i);
  return {
    ...Object.fromEntries(names.map((name) => [name, base64(truth?.signing)])),
    ...(distinct.length > 0 && { [fallbacksName]: listOf(distinct) }),
  };
}

function rotationOf(
  config: EnvConfig,
  files: readonly KeyFile[],
  environment: string,
  name: string,
  namespace: string,
) {
  const signing = [...new Set(files.flatMap((file) => file.names))];
  const { issuer, audience, claims } = config.canaryClaims;
  const claimsOfAll = {
    ...(issuer && { issuer }),
    ...(audience && { audience }),
    ...(Object.keys(claims).length > 0 && { claims }),
  };
  return {
    apiVersion: 'rekey.dev/v1alpha1',
    kind: 'JwtKeyRotation',
    metadata: { name, namespace },
    spec: {
      ...{ secretName: name, environment },
      rotationPeriod: durationText(config.periodMs),
      maxTokenTTL: durationText(config.maxTokenTtlMs),
      clockSkew: durationText(config.clockSkewMs),
      key: { bytes: config.keyBytes, algorithm: config.algorithm },
      ...(config.slackMs !== undefined && { retire: { slack: durationText(config.slackMs) } }),
      secretKeys: { signing, fallbacks: config.fallbacksName },
      ...(Object.keys(claimsOfAll).length > 0 && { canary: claimsOfAll }),
      targets: files.map(({ service }) => targetOf(service, environment)),
    },
  };
}

/** The names of the Deployments are not known here: those of the services are a guess, which Git review sees. */
function targetOf({ name, roles, canary, canaryRequest }: EnvService, environment: string) {
  const base = { kind: 'Deployment', name, roles };
  if (canary[environment] === undefined) return base;
  const { port, protocol, pathname, search } = new URL(canary[environment]);
  const isSecure = protocol === 'https:';
  const place = { path: `${pathname}${search}`, port: Number(port || (isSecure ? 443 : 80)) };
  return { ...base, canary: { ...place, ...(isSecure && { scheme: 'HTTPS' }), ...canaryRequest } };
}

const durationText = (ms: number): string => formatDuration(ms, 4).replaceAll(' ', '');
