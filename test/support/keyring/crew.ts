/** The keyring library of every language, each in a process of its own that is asked by JSON lines: see process.ts. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import type { Algorithm, Claims, KeyInfo, KeyringVariables, TokenRules } from '../../../keyring/node/src/index.ts';
import { debianLibraries, versionsIn } from '../libraries/debian.ts';

interface Named {
  readonly name: string;
}
interface OfTokens extends Named {
  readonly rules?: TokenRules;
}
export interface HttpRequest extends OfTokens {
  readonly op: 'http';
  readonly framework: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Name of the cookie that may hold the token. */
  readonly cookie?: string;
}
export type Request =
  | (Named & {
      readonly op: 'load';
      readonly env: KeyringVariables;
      readonly weak?: boolean;
      readonly algorithm?: Algorithm;
    })
  | (Named & { readonly op: 'mount'; readonly dir: string; readonly weak?: boolean; readonly algorithm?: Algorithm })
  | (Named & { readonly op: 'info' })
  | (OfTokens & { readonly op: 'sign'; readonly claims: Readonly<Record<string, unknown>>; readonly ttl: number })
  | (OfTokens & { readonly op: 'verify'; readonly token: string })
  | (OfTokens & { readonly op: 'bench'; readonly tokens: readonly string[] })
  | (Named & { readonly op: 'bare'; readonly tokens: readonly string[]; readonly key: string })
  | HttpRequest;

/** Only what the request asks for is there. */
export interface Answer {
  readonly ok?: true;
  readonly variable?: string;
  readonly error?: string;
  readonly token?: string;
  readonly claims?: Claims;
  readonly code?: string;
  readonly info?: readonly KeyInfo[];
  readonly metric?: string;
  readonly reports?: readonly string[];
  /** What the language prints of the keyring. */
  readonly printed?: string;
  readonly status?: number;
  readonly challenge?: string;
  readonly body?: string;
  readonly seconds?: number;
}

/** One library with one JWT library. */
export interface Member {
  readonly title: string;
  /** What its HTTP helpers are for. */
  readonly frameworks: readonly string[];
  ask(request: Request): Promise<Answer>;
}

/** All that can run on this machine. Disposing ends their processes. */
export interface Crew extends AsyncDisposable {
  readonly members: readonly Member[];
  /** Whether all those in Python are among them. */
  readonly hasPython: boolean;
  /** @returns the answer of each member, by its title */
  askAll(request: Request): Promise<Readonly<Record<string, Answer>>>;
}

const here = import.meta.dirname;
const PYTHON_SOURCES = join(here, '..', '..', '..', 'keyring', 'python', 'src');
const LIBRARIES = ['python3-jwt', 'python3-jose', 'python3-ecdsa', 'python3-rsa', 'python3-pyasn1', 'python3-six'];
const FRAMEWORKS = [
  ...['python3-fastapi', 'python3-starlette', 'python3-pydantic', 'python3-typing-extensions', 'python3-anyio'],
  ...['python3-sniffio', 'python3-idna', 'python3-django', 'python3-asgiref', 'python3-sqlparse', 'python3-tz'],
];
/** Later versions, from this release of Debian: what is compiled stays that of the machine. */
const LATER = 'trixie';
const LATER_LIBRARIES = [
  ...['python3-jwt', 'python3-fastapi', 'python3-starlette', 'python3-anyio', 'python3-typing-extensions'],
  ...['python3-django', 'python3-asgiref', 'python3-sqlparse'],
];
const NODE_FRAMEWORKS = ['express', 'fastify', 'next route', 'next middleware'];

/** Builds and starts them. The first time it downloads Debian's packages of the Python libraries. */
export async function startCrew(): Promise<Crew> {
  const dir = mkdtempSync(join(tmpdir(), 'rekey-keyring-'));
  const program = join(dir, 'process');
  const [libraries, later] = await Promise.all([
    debianLibraries([...LIBRARIES, ...FRAMEWORKS]),
    debianLibraries(LATER_LIBRARIES, LATER),
    promisify(execFile)('go', ['build', '-o', program, '.'], { cwd: join(here, 'go') }),
  ]);
  const node = (backend: string) => [process.execPath, join(here, 'process.ts'), backend];
  const python = (backend: string) => ['python3', join(here, 'process.py'), backend];
  const env = withPython([libraries?.python]);
  const processes = [
    new Process('Node, jose', node('jose'), NODE_FRAMEWORKS, env),
    new Process('Node, jsonwebtoken', node('jsonwebtoken'), NODE_FRAMEWORKS, env),
    ...(libraries === undefined
      ? []
      : [
          new Process(`Python, PyJWT ${versionsIn(libraries).pyjwt}`, python('pyjwt'), ['fastapi', 'django'], env),
          new Process('Python, python-jose', python('jose'), ['fastapi', 'django'], env),
        ]),
    ...(libraries === undefined || later === undefined
      ? []
      : [
          new Process(
            `Python, PyJWT ${versionsIn(later).pyjwt}`,
            python('pyjwt'),
            ['fastapi', 'django'],
            withPython([later.python, libraries.python]),
          ),
        ]),
    new Process('Go, golang-jwt', [program], ['net/http'], env),
  ];
  return {
    members: processes,
    hasPython: libraries !== undefined && later !== undefined,
    askAll: async (request) =>
      Object.fromEntries(
        await Promise.all(processes.map(async (member) => [member.title, await member.ask(request)] as const)),
      ),
    async [Symbol.asyncDispose]() {
      await Promise.all(processes.map((each) => each.end()));
      rmSync(dir, { recursive: true });
    },
  };
}

/** The environment of all members. @param folders of libraries of Python, besides ours */
function withPython(folders: readonly (string | undefined)[]): NodeJS.ProcessEnv {
  return { ...process.env, PYTHONPATH: [PYTHON_SOURCES, ...folders].join(':'), PYTHONDONTWRITEBYTECODE: '1' };
}

class Process implements Member {
  readonly title: string;
  readonly frameworks: readonly string[];
  readonly #child: ChildProcess;
  readonly #waiting: PromiseWithResolvers<Answer>[] = [];

  constructor(
    title: string,
    [command = '', ...args]: readonly string[],
    frameworks: readonly string[],
    env: NodeJS.ProcessEnv,
  ) {
    this.title = title;
    this.frameworks = frameworks;
    this.#child = spawn(command, args, { env, stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface({ input: this.#child.stdout! }).on('line', (line) =>
      this.#waiting.shift()?.resolve(JSON.parse(line)),
    );
    const fail = (): void => {
      for (const { reject } of this.#waiting.splice(0)) reject(new Error(`${title} has ended`));
    };
    this.#child.once('close', fail).once('error', fail);
  }

  async ask(request: Request): Promise<Answer> {
    if (this.#child.exitCode !== null || this.#child.pid === undefined) throw new Error(`${this.title} has ended`);
    const answer = Promise.withResolvers<Answer>();
    this.#waiting.push(answer);
    this.#child.stdin!.write(`${JSON.stringify(request)}\n`);
    return answer.promise;
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = once(this.#child, 'close');
    this.#child.stdin!.end();
    await ended;
  }
}
