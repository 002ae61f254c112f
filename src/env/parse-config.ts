/**
 * Reads rekey.yaml. docs/reference/rekey-yaml.schema.json says the same to editors, but for what goes across fields.
 */
import { defined } from '../base/objects.ts';
import { defaultSlackMs, drainText } from '../rotation/settings/drain.ts';
import { ALGORITHMS, CONFIG_FILE, DEFAULTS, type EnvConfig, type EnvService, MIN_KEY_BYTES_OF } from './env-config.ts';
import { ConfigError, Fields, type FieldsOf, quoted } from './fields.ts';
import { nearestWord } from './nearest.ts';
import { parseClaims } from './parse-canary.ts';
import { parseService, variableAt } from './parse-service.ts';
import { readYaml, YamlError } from './yaml.ts';

const KNOWN = [
  ...['period', 'maxTokenTTL', 'clockSkew', 'slack', 'keyBytes', 'algorithm', 'fallbacks', 'sourceOfTruth', 'services'],
  'canary',
];
const MAX_KEY_BYTES = 128;
const SERVICE = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/;

/**
 * @param root absolute folder of the file
 * @throws ConfigError with a line for each thing that is wrong
 */
export async function parseConfig(text: string, root: string): Promise<EnvConfig> {
  const located = await readYaml(text).catch((error: unknown) => {
    throw error instanceof YamlError ? new ConfigError(`${CONFIG_FILE}:${error.line}: ${error.message}`) : error;
  });
  const fields = new Fields(CONFIG_FILE, located);
  const all = fields.group([], located.value, KNOWN) ?? {};
  const times = timesIn(fields, all);
  const services = servicesIn(fields, all);
  const config: EnvConfig = {
    root,
    found: true,
    ...times,
    ...keyIn(fields, all),
    fallbacksName: fallbacksIn(fields, all, services),
    sourceOfTruth: truthIn(fields, all, services),
    canaryClaims: parseClaims(fields, all),
    services,
  };
  refuseSharedFiles(fields, services);
  fields.finish();
  return config;
}

type Times = Pick<EnvConfig, 'periodMs' | 'maxTokenTtlMs' | 'clockSkewMs' | 'slackMs'>;

function timesIn(fields: Fields, all: FieldsOf): Times {
  const { period = DEFAULTS.period, maxTokenTTL, clockSkew = DEFAULTS.clockSkew, slack } = all;
  if (maxTokenTTL === undefined)
    fields.note(['maxTokenTTL'], 'it is missing; expected the longest life of a token, such as 24h');
  const periodMs = fields.duration(['period'], period) ?? 0;
  const maxTokenTtlMs = maxTokenTTL === undefined ? 0 : (fields.duration(['maxTokenTTL'], maxTokenTTL) ?? 0);
  const clockSkewMs = fields.duration(['clockSkew'], clockSkew, true) ?? 0;
  const slackMs = slack === undefined ? undefined : fields.duration(['slack'], slack, true);
  const life = { maxTokenTtlMs, clockSkewMs };
  const drainMs = maxTokenTtlMs + clockSkewMs + (slackMs ?? defaultSlackMs(life));
  if (periodMs > 0 && maxTokenTtlMs > 0 && periodMs <= drainMs) {
    const wait = drainText({ ...life, drainMs });
    fields.note(['period'], `expected more than the time in which old tokens expire, ${wait}`);
  }
  return { periodMs, ...life, ...defined({ slackMs }) };
}

function keyIn(fields: Fields, all: FieldsOf): Pick<EnvConfig, 'algorithm' | 'keyBytes'> {
  const { algorithm: wanted = 'HS256', keyBytes } = all;
  const algorithm = fields.choice(['algorithm'], wanted, ALGORITHMS) ?? 'HS256';
  const min = MIN_KEY_BYTES_OF[algorithm];
  const bytes = keyBytes === undefined ? min : fields.integer(['keyBytes'], keyBytes, min, MAX_KEY_BYTES);
  return { algorithm, keyBytes: bytes ?? min };
}

function servicesIn(fields: Fields, { services }: FieldsOf): readonly EnvService[] {
  if (services === undefined) {
    fields.note(['services'], 'it is missing; expected the services that share the key, by name');
    return [];
  }
  const expected = 'names of services, of letters, digits, "-", "_" and "."';
  return fields
    .named(['services'], services, SERVICE, expected)
    .map(([name, value]) => parseService(fields, ['services', name], name, value));
}

function fallbacksIn(
  fields: Fields,
  { fallbacks = DEFAULTS.fallbacks }: FieldsOf,
  services: readonly EnvService[],
): string {
  const expected = 'the name of a variable, such as JWT_SECRET_KEY_FALLBACKS';
  const name = variableAt(fields, ['fallbacks'], fallbacks, expected);
  const user = services.find(({ names }) => name !== undefined && names.includes(name));
  if (user !== undefined)
    fields.note(['fallbacks'], `it is a name of the signing key of ${user.name} too; expected another one`);
  return name ?? '';
}

function truthIn(fields: Fields, { sourceOfTruth }: FieldsOf, services: readonly EnvService[]): string {
  const names = services.map(({ name }) => name);
  const [only] = names;
  if (sourceOfTruth === undefined && only !== undefined && names.length === 1) return only;
  if (typeof sourceOfTruth === 'string' && names.includes(sourceOfTruth)) return sourceOfTruth;
  if (services.length === 0) return '';
  const missing = sourceOfTruth === undefined ? 'it is missing; ' : '';
  const meant = typeof sourceOfTruth === 'string' ? nearestWord(sourceOfTruth, names) : undefined;
  fields.note(
    ['sourceOfTruth'],
    `${missing}expected a service: ${meant === undefined ? names.join(', ') : `did you mean ${meant}?`}`,
  );
  return '';
}

/** Each file has one service and one environment: otherwise one of the two would get the key of the other. */
function refuseSharedFiles(fields: Fields, services: readonly EnvService[]): void {
  const users = new Map<string, string>();
  for (const { name, files } of services) {
    for (const [environment, path] of Object.entries(files)) {
      const user = users.get(path);
      const problem = `${quoted(path)} is the file of ${user} already; expected one file for each service and environment`;
      if (user !== undefined) fields.note(['services', name, 'files', environment], problem);
      users.set(path, user ?? `${name} in ${environment}`);
    }
  }
}
