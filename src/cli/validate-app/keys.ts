/** Keys for `validate-app`: from a .env file, or new ones for a test instance. None of them is ever printed. */
import { open } from 'node:fs/promises';
import { EnvError } from '../../env/error.ts';
import { type GivenNames, readKeysOfFile } from '../../env/file-keys.ts';
import type { ServiceKeys } from '../../rotation/conformance/tokens.ts';
import type { Operations } from '../../rotation/people/operations.ts';
import { fileTrouble } from '../../rotation/people/text.ts';
import { keyIdProblem } from '../../rotation/secret/key-ids.ts';
import { destroyAll, generateKey, type KeyMaterial, newKid } from '../../rotation/secret/keys.ts';
import { CommandError, EXIT, type Exit, type Terminal } from '../terminal.ts';

/** Enough for any algorithm (RFC 7518 section 3.2), in random bytes. */
const BYTES = 64;
const FALLBACKS = 2;

/**
 * @param path of the .env file
 * @throws CommandError usage if no key can be read from it
 */
export async function keysOfEnvFile(path: string, names: GivenNames): Promise<ServiceKeys> {
  const read = readKeysOfFile(path, names, '--signing-name').catch((error: unknown) => {
    // nothing was asked, so no service is unfit
    throw error instanceof EnvError ? new CommandError(error.message, EXIT.usage) : error;
  });
  const { signing, fallbacks, kid = newKid() } = await read;
  return namedKeys(signing, fallbacks, kid, `${path}: ${names.keyId}`);
}

/**
 * Reads a Secret with the caller's rights, at their explicit request.
 *
 * @throws CommandError if it has no key
 */
export async function keysOfSecret(
  operations: Operations,
  terminal: Terminal,
  name: string,
  { signing, fallbacks, keyId }: GivenNames,
): Promise<ServiceKeys> {
  const where = `Secret ${operations.namespace}/${name}`;
  terminal.printErr(`${where}: its keys are read with your rights, and stay in this process\n`);
  const names = { signing: signing === undefined ? ['JWT_SECRET_KEY', 'JWT_SECRET'] : [signing], fallbacks, keyId };
  const found = await operations.secretKeys(name, names);
  if (found === undefined) {
    throw new CommandError(`${where}: it has no ${names.signing.join(', and no ')}; see --signing-name`, EXIT.failed);
  }
  return namedKeys(found.signing, found.fallbacks, found.kid ?? newKid(), `${where}: ${keyId}`);
}

/**
 * A file or a Secret does not show the id of a fallback's tokens, so they get any id.
 *
 * @param where the id is from, for people
 * @throws CommandError if the id may not be in the header of a token: everybody who sees the token can read it
 */
function namedKeys(signing: KeyMaterial, fallbacks: readonly KeyMaterial[], kid: string, where: string): ServiceKeys {
  const problem = keyIdProblem(kid, [signing, ...fallbacks]);
  if (problem === undefined) {
    return {
      signing: { kid, material: signing },
      fallbacks: fallbacks.map((material) => ({ kid: newKid(), material })),
    };
  }
  destroyAll([signing, ...fallbacks]);
  throw new CommandError(`${where} ${problem}; nothing was sent. Correct it, or see --key-id-name`, EXIT.usage);
}

/**
 * Writes keys that no service has yet, and prints how to start one with them.
 *
 * @param program such as `kubectl rekey`
 * @throws CommandError if the file exists: it may contain keys that somebody needs
 */
export async function makeKeys(terminal: Terminal, file: string, names: GivenNames, program: string): Promise<Exit> {
  const signingNames = names.signing === undefined ? ['JWT_SECRET_KEY', 'JWT_SECRET'] : [names.signing];
  using held = new DisposableStack();
  const made = () => held.use(generateKey(BYTES)).use((hex) => hex.toString('latin1'));
  const signing = made();
  const lines = [
    '# Keys for a test with rekey validate-app. Use them for nothing else, and delete this file afterwards.',
    ...signingNames.map((name) => `${name}=${signing}`),
    `${names.fallbacks}=${Array.from({ length: FALLBACKS }, made).join(',')}`,
    `${names.keyId}=${newKid()}`,
  ];
  await writeNew(file, `${lines.join('\n')}\n`);
  terminal.print(startText(file, [...signingNames, names.fallbacks, names.keyId], program));
  return EXIT.done;
}

async function writeNew(file: string, text: string): Promise<void> {
  try {
    await using handle = await open(file, 'wx', 0o600);
    await handle.writeFile(text);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'EEXIST' ? 'it is there already; name a new file' : fileTrouble(error);
    throw new CommandError(`--to ${file}: ${why}`, EXIT.failed);
  }
}

function startText(file: string, names: readonly string[], program: string): string {
  const path = /^[\w./-]+$/.test(file) ? file : `'${file.replaceAll("'", "'\\''")}'`;
  const sourced = file.includes('/') ? path : `./${path}`;
  return `${file}: ${names.join(', ')}: new keys, for a test and nothing else

Start a test instance of the service with them, and with no other key:
  a shell    (set -a; . ${sourced}; set +a; exec YOUR-COMMAND)
  Node       node --env-file=${path} YOUR-PROGRAM.js
  Docker     docker run --env-file ${path} YOUR-IMAGE

Then ask it, at a path that needs a token and changes nothing:
  ${program} validate-app http://127.0.0.1:8000/YOUR-PATH --keys-file ${path}

Delete ${file} afterwards.
`;
}
