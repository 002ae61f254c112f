/** `validate-app`: its arguments, and which module does the work. A URL needs no cluster; a name and a Secret do. */
import type { Command } from 'commander';
import { defined } from '../../base/objects.ts';
import type { GivenNames } from '../../env/file-keys.ts';
import type { ServiceKeys } from '../../rotation/conformance/tokens.ts';
import type { Operations } from '../../rotation/people/operations.ts';
import type { Format } from '../formats.ts';
import type { Run } from '../program.ts';
import { CommandError, EXIT, type Exit, type Terminal } from '../terminal.ts';
import { addRequestFlags, type RequestFlags } from './flags.ts';
import type { TargetFlags } from './targets.ts';

interface Flags extends RequestFlags {
  readonly keysFile?: string;
  readonly secret?: string;
  readonly madeKeys?: true;
  readonly to?: string;
  readonly signingName?: string;
  readonly fallbacksName: string;
  readonly keyIdName: string;
  readonly target?: string;
  readonly strict?: true;
  readonly output?: Format;
}

/** The parts that need a cluster, which the small program does not have. */
export interface Cluster {
  /** Connects to the cluster that the flags name. */
  readonly connect: (flags: object) => Operations | Promise<Operations>;
  readonly validateTargets: (
    operations: Operations,
    terminal: Terminal,
    name: string,
    flags: TargetFlags,
  ) => Promise<Exit>;
}

/** Options of a run. */
interface Context {
  readonly terminal: Terminal;
  readonly program: string;
  /** Undefined in the program without a client. */
  readonly cluster: Cluster | undefined;
}

/** @param cluster undefined in the program that has no client */
export function addValidateApp(program: Command, terminal: Terminal, run: Run, cluster?: Cluster): void {
  const command = program
    .command('validate-app [url-or-name]')
    .description('check whether a service is fit for a rotation: which tokens it accepts, and which line to change')
    // not --env-file: Node itself looks for that among the arguments of a program, and runs with NODE_OPTIONS of the file
    .option('--keys-file <file>', 'the keys that the service at the URL has, in a .env file')
    .option('--secret <name>', 'or in a Secret, which is read with your rights (kubectl rekey only)')
    .option('--made-keys', 'make keys for a test instance, and say how to start it; needs --to')
    .option('--to <file>', 'with --made-keys: the new file that gets them, mode 0600')
    .option('--signing-name <name>', 'variable of the signing key (default: JWT_SECRET_KEY, or what is found)')
    .option('--fallbacks-name <name>', 'variable of the fallbacks, with commas', 'JWT_SECRET_KEY_FALLBACKS')
    .option('--key-id-name <name>', 'variable of the key id', 'JWT_KEY_ID')
    .option('--target <kind/name>', 'with a NAME: this target alone, such as Deployment/api')
    .option('--strict', 'advice counts as a failure, too');
  addRequestFlags(command);
  command.addHelpText('after', HELP).action(async (subject: string | undefined, _: unknown, self: Command) => {
    const flags = self.optsWithGlobals<Flags>();
    const given = { isSet: (name: string) => self.getOptionValueSource(name) === 'cli' };
    await run(() => validate(subject, flags, given, { terminal, program: program.name(), cluster }));
  });
}

const HELP = `
With the NAME of a JwtKeyRotation, the operator asks one pod of each target, with the real keys.
Exit status: 0 fit, 1 not fit, 2 wrong usage, 3 not known`;

interface Given {
  readonly isSet: (name: string) => boolean;
}

async function validate(subject: string | undefined, flags: Flags, given: Given, context: Context): Promise<Exit> {
  const names = namesOf(flags);
  if (flags.madeKeys) {
    if (subject !== undefined) throw usage('--made-keys: start the service with the keys first, and give the URL then');
    if (flags.to === undefined) throw usage('--made-keys: name a new file for them with --to');
    const { makeKeys } = await import('./keys.ts');
    return makeKeys(context.terminal, flags.to, names, context.program);
  }
  if (flags.to !== undefined) throw usage('--to: it goes with --made-keys');
  if (subject === undefined) throw usage('name a URL, such as http://127.0.0.1:8000/auth/verify, or a JwtKeyRotation');
  return /^https?:\/\//i.test(subject) ? ofUrl(subject, flags, context) : ofName(subject, flags, given, context);
}

function usage(message: string): CommandError {
  return new CommandError(message, EXIT.usage);
}

function namesOf({ signingName, fallbacksName, keyIdName }: Flags): GivenNames {
  const named = [signingName, fallbacksName, keyIdName].filter((name) => name !== undefined);
  const wrong = named.find((name) => !/^[A-Za-z_][A-Za-z0-9_.-]*$/.test(name));
  if (wrong !== undefined) throw usage(`${wrong}: not a name of a variable; use letters, digits and _`);
  return { ...defined({ signing: signingName }), fallbacks: fallbacksName, keyId: keyIdName };
}

async function ofUrl(url: string, flags: Flags, context: Context): Promise<Exit> {
  if (flags.target !== undefined) throw usage('--target: it goes with the name of a JwtKeyRotation, not with a URL');
  const { askedOf } = await import('./request.ts');
  const asked = askedOf(url, flags);
  const keys = await keysOf(flags, context);
  const { validateService } = await import('./service.ts');
  return validateService(context.terminal, asked, keys, flags);
}

async function keysOf(flags: Flags, { terminal, cluster }: Context): Promise<ServiceKeys> {
  const { keysFile, secret } = flags;
  if ((keysFile === undefined) === (secret === undefined) || keysFile === '' || secret === '') {
    throw usage('say which keys the service has: --keys-file FILE, or --secret NAME; for new ones, --made-keys');
  }
  const { keysOfEnvFile, keysOfSecret } = await import('./keys.ts');
  if (keysFile !== undefined) return keysOfEnvFile(keysFile, namesOf(flags));
  if (cluster === undefined)
    throw usage('--secret: it needs a cluster: kubectl rekey validate-app URL -n NAMESPACE --secret NAME');
  return keysOfSecret(await cluster.connect(flags), terminal, secret ?? '', namesOf(flags));
}

/** Flags for which a JwtKeyRotation has fields. */
const OF_URL = [
  ...['keysFile', 'secret', 'signingName', 'fallbacksName', 'keyIdName', 'issuer', 'audience', 'subject', 'claim'],
  ...['method', 'tokenHeader', 'tokenPrefix', 'tokenCookie', 'tokenInBody', 'header', 'host', 'body', 'contentType'],
  ...['insecureSkipTlsVerify', 'acceptStatus', 'refuseStatus', 'acceptedAt', 'refusedAt', 'algorithm', 'clockSkew'],
];

async function ofName(name: string, flags: Flags, given: Given, { terminal, cluster }: Context): Promise<Exit> {
  const other = OF_URL.find(given.isSet);
  if (other !== undefined) {
    const flag = `--${other.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    throw usage(`${flag}: it goes with a URL; for ${name} the operator asks as spec.canary and the targets say`);
  }
  if (cluster === undefined)
    throw usage(`${name}: not a URL; for a JwtKeyRotation: kubectl rekey validate-app ${name} -n NAMESPACE`);
  return cluster.validateTargets(await cluster.connect(flags), terminal, name, flags);
}
