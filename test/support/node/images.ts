import { join } from 'node:path';
import { cacheFolder } from '../cluster/binary.ts';
import { PYTHON_EXAMPLE } from '../libraries/python-example.ts';
import { REMOTEHIVE_PYTHON } from '../libraries/remotehive.ts';
import { pathWithPython } from '../python.ts';
import type { Image } from './image.ts';

/** Programs that are started a hundred times are compiled once: it halves what a start costs. */
export const COMPILED = { NODE_COMPILE_CACHE: join(cacheFolder(), 'node-compile-cache') };

/**
 * The images that tests and the demo use.
 * @param repoRoot the folder that holds examples/ and test/
 * @param service the service in Go, where it was built; else it is looked for beside its source
 */
export function exampleImages(repoRoot: string, service = './server'): Record<string, Image> {
  const services = join(repoRoot, 'examples', 'services');
  const remotehive = join(repoRoot, 'examples', 'remotehive-like', 'services');
  const python = {
    PATH: `${join(REMOTEHIVE_PYTHON, 'bin')}:${process.env.PATH}`,
    PYTHONPATH: join(repoRoot, 'keyring', 'python', 'src'),
  };
  const fixtures = join(repoRoot, 'test', 'support', 'node', 'fixtures');
  return {
    'rekey.dev/example-node': { command: [process.execPath, 'server.ts'], cwd: join(services, 'node'), env: COMPILED },
    'rekey.dev/example-python': {
      command: ['python3', 'server.py'],
      cwd: join(services, 'python'),
      env: { ...PYTHON_EXAMPLE, PATH: pathWithPython() },
    },
    'rekey.dev/example-go': { command: [service], cwd: join(services, 'go') },
    'rekey.dev/remotehive-python': { command: ['python3', 'main.py'], cwd: remotehive, env: python },
    'rekey.dev/remotehive-admin': { command: [process.execPath, 'admin.mjs'], cwd: remotehive, env: COMPILED },
    // for programs of people: `command` and `workingDir` of the container say which
    'rekey.dev/local': { command: ['sh', '-c', 'echo "rekey.dev/local runs what command says" >&2; exit 1'], cwd: '/' },
    'rekey.dev/test-http': { command: [process.execPath, 'http-server.ts'], cwd: fixtures, env: COMPILED },
    'rekey.dev/test-session': { command: [process.execPath, 'session-server.ts'], cwd: fixtures, env: COMPILED },
    'rekey.dev/test-jwt': { command: [process.execPath, 'jwt-server.ts'], cwd: fixtures, env: COMPILED },
  };
}
