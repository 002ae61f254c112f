/** The arrows of the house: main → rotation → runtime → kube → base, and cli → env → rotation; nothing points back. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => join('src', file));

/** What a file imports: paths from the root of the repository, or names of packages. */
function importsOf(file: string): readonly string[] {
  const text = readFileSync(join(root, file), 'utf8');
  const specifiers = [...text.matchAll(/from '([^']+)'|import '([^']+)'/g)].map((match) => match[1] ?? match[2] ?? '');
  return specifiers.map((name) => (name.startsWith('.') ? relative(root, resolve(root, file, '..', name)) : name));
}

const layerOf = (path: string) => /^src\/(base|kube|runtime|rotation|env|cli)\//.exec(path)?.[1];
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  base: ['base'],
  kube: ['base', 'kube'],
  runtime: ['base', 'kube', 'runtime'],
  rotation: ['base', 'kube', 'runtime', 'rotation'],
  env: ['base', 'rotation', 'runtime', 'env'],
  cli: ['base', 'rotation', 'env', 'cli'],
};
/** Folders and loose files of src/rotation from the ground up: each may use those before it, types included. */
const FLOORS = [
  ...[
    'schedule',
    'api',
    'keyset',
    'settings',
    'cadence',
    'workloads',
    'wishes.ts',
    'facts.ts',
    'plan',
    'secret',
    'conformance',
  ],
  ...['requests', 'audit', 'observe', 'act', 'people', 'report', 'pass', 'reconciler.ts'],
];

/** Decide and never act: they know nothing of the world but facts. Folders end in a slash. */
const PURE = [
  ...['plan/', 'keyset/', 'report/conditions.ts', 'report/status.ts', 'report/notifications.ts', 'report/notes.ts'],
  ...['report/announcements.ts', 'workloads/consumption.ts', 'settings/drain.ts', 'cadence/cadence.ts'],
  ...['env/step.ts', 'env/layout.ts', 'conformance/judge.ts'],
];
/** Longer than a file should be, and why it is not cut yet. */
const LONG: Readonly<Record<string, string>> = {
  'src/kube/types.ts': 'the shapes of the API, a list',
  'src/rotation/api/types.ts': 'generated from the schema',
  'src/kube/client.ts': 'one method for each call',
};

/** Functions of more than forty lines, and why they are not cut. */
const LONG_FUNCTIONS: Readonly<Record<string, string>> = {
  'src/operator.ts: constructor': 'the wiring: what is made of what, once, from top to bottom',
};

/** The functions of a file with the number of their lines, by the layout that the formatter gives them. */
function functionsOf(text: string): readonly (readonly [name: string, lines: number])[] {
  const lines = text.split('\n');
  return lines.flatMap((line, start) => {
    const declared = /^( *)(?:export )?(?:async )?function\*? (\w+)/.exec(line);
    const method = /^( {2})(?:static |override |async |get )*(#?\w+)(?:<.*>)?\(/.exec(line);
    const arrow = /^( *)(?:export )?const (\w+)(?:: [^=]+)? = (?:async )?(?:<.*>)?\(.*=> \{$/.exec(line);
    const [, indent = '', name = ''] = declared ?? method ?? arrow ?? [];
    // a line of an interface has no body
    if (name === '' || line.endsWith(';')) return [];
    const end = lines.findIndex((each, i) => i > start && new RegExp(`^${indent}\\}\\)?;?$`).test(each));
    return [[name, end - start + 1] as const];
  });
}

describe('the source', () => {
  it('has its arrows in one direction', () => {
    const wrong = files.flatMap((file) => {
      const allowed = ALLOWED[layerOf(file) ?? ''];
      const bad = importsOf(file).filter(
        (path) => path.startsWith('src/') && allowed && !allowed.includes(layerOf(path) ?? ''),
      );
      return bad.map((path) => `${file} → ${path}`);
    });
    expect(wrong).toEqual([]);
  });

  it('has no folder that uses one above it', () => {
    const floorOf = (path: string) => FLOORS.indexOf(path.split('/')[2] ?? '');
    const own = files.filter((file) => layerOf(file) === 'rotation');
    expect(own.filter((file) => floorOf(file) === -1)).toEqual([]);
    const wrong = own.flatMap((file) => {
      const used = importsOf(file).filter((path) => layerOf(path) === 'rotation');
      return used.filter((path) => floorOf(path) > floorOf(file)).map((path) => `${file} → ${path}`);
    });
    expect(wrong).toEqual([]);
  });

  it('has no circle of files, types included', () => {
    const uses = new Map(files.map((file) => [file, importsOf(file).filter((path) => path.startsWith('src/'))]));
    const reaches = (from: string): ReadonlySet<string> => {
      const seen = new Set<string>();
      const open = [...(uses.get(from) ?? [])];
      for (let file = open.pop(); file !== undefined; file = open.pop()) {
        if (seen.has(file)) continue;
        seen.add(file);
        open.push(...(uses.get(file) ?? []));
      }
      return seen;
    };
    expect(files.filter((file) => reaches(file).has(file))).toEqual([]);
  });

  it('imports the Kubernetes client in src/kube only, and never a test', () => {
    const wrong = files.filter(
      (file) => layerOf(file) !== 'kube' && importsOf(file).some((path) => path.startsWith('@kubernetes/')),
    );
    expect(wrong).toEqual([]);
    expect(files.filter((file) => importsOf(file).some((path) => /^(test|examples|tools)\//.test(path)))).toEqual([]);
  });

  it('lets who reports a decision read it, and work nothing of it out again', () => {
    const reporting = files.filter((file) => /^src\/rotation\/(report|audit)\//.test(file));
    expect(reporting.length).toBeGreaterThan(10);
    const wrong = reporting.flatMap((file) => {
      const text = readFileSync(join(root, file), 'utf8');
      const imports = [...text.matchAll(/import (type )?[^;]*? from '([^']*\/plan\/[^']*)'/g)];
      return imports
        .filter(([, type, path]) => type === undefined || !path?.endsWith('/plan/decision.ts'))
        .map(([whole]) => `${file}: ${whole}`);
    });
    expect(wrong).toEqual([]);
  });

  it('keeps the planner pure', () => {
    const outside = (path: string) =>
      /^(src\/kube\/(?!printable|types)|src\/runtime\/(?!redact)|node:|undici|@)/.test(path) ||
      path.endsWith('/act.ts');
    const pure = files.filter((file) =>
      PURE.some((name) => file.startsWith(`src/${name.startsWith('env/') ? '' : 'rotation/'}${name}`)),
    );
    expect(PURE.filter((name) => !pure.some((file) => file.includes(name)))).toEqual([]);
    const wrong = pure.flatMap((file) => {
      const text = readFileSync(join(root, file), 'utf8');
      const impure = /Date\.now|Math\.random|new Date\(\)|process\.|await /.test(text) ? [`${file}: impure`] : [];
      const reaching = importsOf(file).filter(outside);
      return [...impure, ...reaching.map((path) => `${file} → ${path}`)];
    });
    expect(wrong).toEqual([]);
  });

  it('has short files, but for those that are named', () => {
    const long = files.filter((file) => readFileSync(join(root, file), 'utf8').split('\n').length > 251);
    expect(long.sort()).toEqual(Object.keys(LONG).sort());
  });

  it('has short functions, but for those that are named', () => {
    const all = files.flatMap((file) => {
      const text = readFileSync(join(root, file), 'utf8');
      return functionsOf(text).map(([name, lines]) => ({ name: `${file}: ${name}`, lines }));
    });
    expect(all.length).toBeGreaterThan(900);
    const long = all.filter(({ lines }) => lines > 40).map(({ name }) => name);
    expect(long.sort()).toEqual(Object.keys(LONG_FUNCTIONS).sort());
  });

  it('says of each function and class that others use what it is', () => {
    const bare = files.flatMap((file) => {
      const lines = readFileSync(join(root, file), 'utf8').split('\n');
      return lines.flatMap((line, i) => {
        const name = /^export (?:async )?(?:function\*?|class) (\w+)/.exec(line)?.[1];
        return name === undefined || lines[i - 1]?.endsWith('*/') ? [] : [`${file}: ${name}`];
      });
    });
    // what an overload says, or an error of one line, says enough
    expect(bare.filter((each) => !/Error$/.test(each))).toEqual([]);
  });

  it('chooses a write of the Secret at the gate alone', () => {
    const choosing = files.filter((file) => /\btype: 'write'(?! as|;)/.test(readFileSync(join(root, file), 'utf8')));
    expect(choosing).toEqual(['src/rotation/plan/write-gate.ts']);
  });

  it('says what is wrong with a pod in one file', () => {
    const reasons = 'CanaryVoid|CanaryRefused|CanaryUnanswered|SingleKeyService|KeyStillAccepted|PodStale';
    const saying = new RegExp(`reason(?:: | = )'(?:${reasons})'`);
    const found = files.filter((file) => saying.test(readFileSync(join(root, file), 'utf8')));
    expect(found).toEqual(['src/rotation/plan/policies/pods.ts']);
  });

  it('waits by the injected clock only', () => {
    expect(files.filter((file) => importsOf(file).includes('node:timers/promises'))).toEqual([]);
  });
});
