import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PYTHON_EXAMPLE, pythonExample } from '../../support/libraries/python-example.ts';
import { SERVICES, SERVICES_DIR, type ServiceCommand } from '../../support/traffic/service-process.ts';

/** The last is what the service in Python does on a machine without PyJWT. */
export const LANGUAGES = ['node', 'python', 'go', 'python without PyJWT'] as const;
export type Language = (typeof LANGUAGES)[number];

/** The services of all languages, ready to be started. Disposing removes what was built. */
export interface Commands extends AsyncDisposable {
  readonly of: Readonly<Record<Language, ServiceCommand>>;
}

/** How long a build of the Go service may take when nothing is in Go's cache: it may have to download golang-jwt. */
export const BUILD_TIMEOUT_MS = 180_000;

/**
 * Builds what has to be built, outside the checkout.
 *
 * @throws when `go` is not on PATH: this project's tests need it anyway
 */
export async function buildCommands(): Promise<Commands> {
  const directory = await mkdtemp(join(tmpdir(), 'rekey-example-'));
  const program = join(directory, 'service');
  await promisify(execFile)('go', ['build', '-o', program, '.'], {
    cwd: join(SERVICES_DIR, 'go'),
    env: { ...process.env, CGO_ENABLED: '0', GOTOOLCHAIN: 'local' },
  });
  await pythonExample();
  return {
    of: {
      ...SERVICES,
      python: { ...SERVICES.python, env: PYTHON_EXAMPLE },
      'python without PyJWT': SERVICES.python,
      go: { command: [program], cwd: directory },
    },
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
  };
}
