/** The preloads for Python and Ruby under real libraries, from Debian's packages. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { debianLibraries, rubyProgram } from '../../support/libraries/debian.ts';
import { changedPreload, type Env, PRELOAD, runToEnd, wrongAnswers } from '../../support/preload/ask.ts';
import { KEY_TEXTS, SERVICE_ENV } from '../../support/preload/questions.ts';

const support = join(import.meta.dirname, '..', '..', 'support', 'preload');
// the one that Debian's packages are for
const PYTHON = '/usr/bin/python3';
const dir = mkdtempSync(join(tmpdir(), 'rekey-preload-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const runs = (...command: readonly [string, ...string[]]): boolean => {
  try {
    execFileSync(command[0], command.slice(1), { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};
const libraries = await debianLibraries([
  ...['python3-jwt', 'python3-jose', 'python3-ecdsa', 'python3-rsa', 'python3-pyasn1', 'python3-six'],
  ...['python3-authlib', 'python3-cryptography', 'python3-cffi-backend'],
  'ruby-jwt',
]);
const WHY = 'needs Debian: apt-get download, and /usr/bin/python3 or ruby';
const noPython = libraries === undefined || !runs(PYTHON, '--version');
const ruby = await rubyProgram();
const RUBY = ruby ?? 'ruby';
const noRuby = libraries === undefined || ruby === undefined;
const PACKAGES = libraries?.python ?? '';
const without: Env = { PYTHONPATH: PACKAGES };
const preloaded = (file = join(PRELOAD, 'python', 'sitecustomize.py')): Env => ({
  PYTHONPATH: `${dirname(file)}:${PACKAGES}`,
});
const asking = (library: string) => [PYTHON, '-B', join(support, 'python', 'answer.py'), library] as const;

describe.skipIf(noPython)(`Python (${WHY})`, () => {
  it.each(['pyjwt', 'python-jose', 'authlib'])(
    '%s accepts the fallbacks with the preload, and nothing else that it refuses without',
    async (library) => {
      const before = await wrongAnswers(asking(library), without, 'without');
      const after = await wrongAnswers(asking(library), preloaded(), 'with');
      expect({ before, after }).toEqual({ before: [], after: [] });
    },
  );

  it('python-jose does so without cryptography, too', async () => {
    const none = join(dir, 'no-cryptography');
    mkdirSync(join(none, 'cryptography'), { recursive: true });
    writeFileSync(join(none, 'cryptography', '__init__.py'), 'raise ImportError("not here")\n');
    const { PYTHONPATH } = preloaded();
    expect(await wrongAnswers(asking('python-jose'), { PYTHONPATH: `${none}:${PYTHONPATH}` }, 'with')).toEqual([]);
  });

  it.each([
    ['the key of the service', ' or not hmac.compare_digest(key, current)', ''],
    ['the variant', 'header.get("alg") == variant', 'True'],
    ['crit', ' and "crit" not in header', ''],
    ['the comparison', 'return any(answers)', 'return True'],
  ])('accepts an attack without %s', async (_, line, changed) => {
    const broken = changedPreload('python/sitecustomize.py', line, changed);
    onTestFinished(() => rmSync(dirname(broken), { recursive: true }));
    // the HMAC alone: what the libraries look at themselves would hide it
    expect(await wrongAnswers(asking('algorithm'), preloaded(), 'with')).toEqual([]);
    expect(await wrongAnswers(asking('algorithm'), preloaded(broken), 'with')).not.toEqual([]);
  });

  it('runs the next sitecustomize, with fallbacks and without, and a broken one stops nothing', async () => {
    const next = join(dir, 'next');
    mkdirSync(next);
    const file = join(next, 'sitecustomize.py');
    writeFileSync(file, 'import os\nos.environ["CHAINED"] = __file__\n');
    const env = { PYTHONPATH: `${join(PRELOAD, 'python')}:${next}` };
    const command = [PYTHON, '-B', '-c', 'import os; print(os.environ.get("CHAINED"))'] as const;
    for (const keys of [SERVICE_ENV, {}]) {
      expect(await runToEnd(command, { ...env, ...keys })).toEqual({ stdout: `${file}\n`, stderr: '', code: 0 });
    }
    writeFileSync(file, 'raise ValueError("x")\n');
    const { stdout, stderr, code } = await runToEnd(command, env);
    expect({ stdout, stderr, code }).toEqual({
      ...{ stdout: 'None\n', code: 0 },
      stderr: 'rekey preload: another sitecustomize failed: ValueError\n',
    });
  });

  it('hooks a library that is not as expected in no way, and says so', async () => {
    const odd = join(dir, 'odd');
    mkdirSync(join(odd, 'jwt'), { recursive: true });
    writeFileSync(join(odd, 'jwt', '__init__.py'), '');
    writeFileSync(join(odd, 'jwt', 'algorithms.py'), 'VALUE = 1\n');
    const env = { ...SERVICE_ENV, PYTHONPATH: `${join(PRELOAD, 'python')}:${odd}` };
    const command = [PYTHON, '-B', '-c', 'import jwt.algorithms; print(jwt.algorithms.VALUE)'] as const;
    expect(await runToEnd(command, env)).toEqual({
      ...{ stdout: '1\n', code: 0 },
      stderr: 'rekey preload: jwt.algorithms is not as expected (AttributeError); its fallbacks are refused\n',
    });
  });

  it('leaves the next sitecustomize its name', async () => {
    const next = join(dir, 'named');
    mkdirSync(next);
    writeFileSync(join(next, 'sitecustomize.py'), 'import sys\nOWN = sys.modules[__name__].__file__ == __file__\n');
    const command = [PYTHON, '-B', '-c', 'import sitecustomize; print(sitecustomize.OWN)'] as const;
    const { stdout } = await runToEnd(command, { PYTHONPATH: `${join(PRELOAD, 'python')}:${next}` });
    expect(stdout).toBe('True\n');
  });

  it('drops the working directory that a colon adds, but not one that a .pth file names', async () => {
    const app = join(dir, 'app');
    mkdirSync(join(app, 'shop'), { recursive: true });
    writeFileSync(join(app, 'shop', '__init__.py'), 'print("served")\n');
    execFileSync(PYTHON, ['-m', 'venv', '--without-pip', join(dir, 'venv')]);
    const python = join(dir, 'venv', 'bin', 'python');
    const script = join(dir, 'serve.py');
    writeFileSync(script, 'try:\n    import shop\nexcept ImportError:\n    print("not found")\n');
    const env = { PYTHONPATH: `${join(PRELOAD, 'python')}:` };
    const serve = async () => {
      const command = ['sh', '-c', `cd "${app}" && exec "${python}" -B "${script}"`] as const;
      return (await runToEnd(command, env)).stdout;
    };
    expect(await serve()).toBe('not found\n');
    const site = execFileSync(python, ['-c', 'import site; print(site.getsitepackages()[0])'], { encoding: 'utf8' });
    // as pip install -e does
    writeFileSync(join(site.trim(), '__editable__.shop.pth'), `${app}\n`);
    expect(await serve()).toBe('served\n');
  });

  it('stands beside another finder that asks all finders', async () => {
    const found = join(dir, 'found');
    mkdirSync(join(found, 'jwt'), { recursive: true });
    writeFileSync(join(found, 'jwt', '__init__.py'), '');
    writeFileSync(
      join(found, 'jwt', 'algorithms.py'),
      'class HMACAlgorithm:\n    def verify(self, msg, key, sig):\n        return False\n',
    );
    const program = [
      ...['import sys', 'class Other:', '    def find_spec(self, *asked):'],
      '        found = [each.find_spec(*asked) for each in sys.meta_path if each is not self]',
      '        return next((each for each in found if each), None)',
      ...['sys.meta_path.insert(0, Other())', 'from jwt.algorithms import HMACAlgorithm'],
      'print(HMACAlgorithm.verify.__code__.co_name)',
    ].join('\n');
    const env = { ...SERVICE_ENV, PYTHONPATH: `${join(PRELOAD, 'python')}:${found}` };
    const { stdout, stderr } = await runToEnd([PYTHON, '-B', '-c', program], env);
    expect({ stdout, stderr }).toEqual({ stdout: 'rekey_verify\n', stderr: '' });
  });
});

describe.skipIf(noRuby)(`Ruby (${WHY})`, () => {
  const gems = join(libraries?.root ?? '', 'usr', 'share', 'rubygems-integration', 'all', 'gems');
  const asks = [RUBY, '-I', join(gems, 'jwt-2.5.0', 'lib'), join(support, 'ruby', 'answer.rb')] as const;
  const preload = (file = join(PRELOAD, 'ruby', 'rekey.rb')): Env => ({ RUBYOPT: `-r${file}` });

  it('ruby-jwt accepts the fallbacks with the preload, and nothing else that it refuses without', async () => {
    const before = await wrongAnswers(asks, {}, 'without');
    const after = await wrongAnswers(asks, preload(), 'with');
    expect({ before, after }).toEqual({ before: [], after: [] });
  });

  it.each([
    ['the key of the service', '&& same?(key.b, @current) ', ''],
    ['the variant', "header['alg'] == variant", 'true'],
    ['crit', " && !header.key?('crit')", ''],
    ['the comparison', '.positive?', '.zero?'],
  ])('accepts an attack without %s', async (_, line, changed) => {
    const broken = changedPreload('ruby/rekey.rb', line, changed);
    onTestFinished(() => rmSync(dirname(broken), { recursive: true }));
    expect(await wrongAnswers(asks, preload(broken), 'with')).not.toEqual([]);
  });
});

it.skipIf(ruby === undefined)('Ruby still requires in a Ractor', async () => {
  // RubyGems as Debian has it cannot do so itself
  const command = [RUBY, '-W0', '--disable-gems', '-e', 'p Ractor.new { require "set"; Set[1].size }.take'] as const;
  const { stdout } = await runToEnd(command, { ...SERVICE_ENV, RUBYOPT: `-r${join(PRELOAD, 'ruby', 'rekey.rb')}` });
  expect(stdout).toBe('1\n');
});

const [current = '', first = ''] = KEY_TEXTS;
const BAD: readonly (readonly [string, Env, RegExp | ''])[] = [
  ['no fallbacks', { JWT_SECRET_KEY: current, JWT_SECRET_KEY_FALLBACKS: '' }, ''],
  ['the current key alone', { JWT_SECRET_KEY: current, JWT_SECRET_KEY_FALLBACKS: current }, ''],
  ['an empty entry', { JWT_SECRET_KEY: current, JWT_SECRET_KEY_FALLBACKS: `${first},` }, /^.*an empty entry.*\n$/],
  ['white space', { JWT_SECRET_KEY: current, JWT_SECRET_KEY_FALLBACKS: `${first}, a` }, /^.*white space.*\n$/],
  ['JSON', { JWT_SECRET_KEY: current, JWT_SECRET_KEY_FALLBACKS: JSON.stringify([first]) }, /^.*JSON.*\n$/],
  ['many entries', { JWT_SECRET_KEY: current, JWT_SECRET_KEY_FALLBACKS: 'a,'.repeat(40) }, /^.*more than 32.*\n$/],
  ['no key', { JWT_SECRET_KEY_FALLBACKS: first }, /^.*JWT_SECRET_KEY is not; no fallback is accepted\n$/],
];

describe.each<[string, boolean, readonly [string, ...string[]], Env]>([
  ['Python', !runs(PYTHON, '--version'), [PYTHON, '-B', '-c', 'print(1)'], { PYTHONPATH: join(PRELOAD, 'python') }],
  ['Ruby', ruby === undefined, [RUBY, '-e', 'puts 1'], { RUBYOPT: `-r${join(PRELOAD, 'ruby', 'rekey.rb')}` }],
])('in %s, bad input', (_, absent, command, env) => {
  it.skipIf(absent).each(BAD)('stops nothing: %s', async (__, keys, said) => {
    const { stdout, stderr, code } = await runToEnd(command, { ...env, ...keys });
    expect({ stdout, code }).toEqual({ stdout: '1\n', code: 0 });
    if (said === '') expect(stderr).toBe('');
    else expect(stderr).toMatch(said);
    expect(KEY_TEXTS.filter((text) => stderr.includes(text))).toEqual([]);
  });
});
