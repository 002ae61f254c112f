import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { SERVICES, SERVICES_DIR, type ServiceCommand } from '../../support/traffic/service-process.ts';

export const LANGUAGES = ['node', 'python', 'go'] as const;
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
  return {
    of: { ...SERVICES, go: { command: [program], cwd: directory } },
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
  };
}
