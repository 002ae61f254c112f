/** What a container gets where several sources name the same variable: the kubelet's order, without a value in the view. */
import { describe, expect, it } from 'vitest';
import type { Container, Deployment, EnvVariable, PodSpec, Volume } from '../../../../src/kube/types.ts';
import { consumptionOf } from '../../../../src/rotation/workloads/consumption.ts';
import { sourcesOf } from '../../../../src/rotation/workloads/sources.ts';
import { deploymentView } from '../../../../src/rotation/workloads/workloads.ts';

const [KEY, ALIAS, FALLBACKS] = ['JWT_SECRET_KEY', 'JWT_SECRET', 'JWT_SECRET_KEY_FALLBACKS'] as const;
const NAMES = {
  secretName: 'jwt',
  signingNames: [KEY, ALIAS],
  fallbacksName: FALLBACKS,
  previousName: '',
  jwksName: '',
  layouts: [],
};
const LITERAL = 'hunter2hunter2hunter2hunter2';

const all = { secretRef: { name: 'jwt' } };
const value = (name: string, text = LITERAL): EnvVariable => ({ name, value: text });
const from = (name: string, secret: string, key: string, optional?: boolean): EnvVariable => ({
  name,
  valueFrom: { secretKeyRef: { name: secret, key, ...(optional !== undefined && { optional }) } },
});
const fromMap = (name: string): EnvVariable => ({
  name,
  valueFrom: { configMapKeyRef: { name: 'settings', key: 'x' } },
});
const field = (name: string) => ({ name, valueFrom: { fieldRef: { fieldPath: 'metadata.uid' } } }) as EnvVariable;

function consumption(container: Partial<Container>, more: Partial<PodSpec> = {}) {
  return consumptionOf(sourcesOf({ containers: [{ name: 'app', ...container }], ...more }), NAMES);
}

/** Each shadow in a few words. */
function shadows(container: Partial<Container>, more: Partial<PodSpec> = {}): readonly string[] {
  return consumption(container, more).shadows.map(
    ({ container: name, variable, by }) => `${name} ${variable} ${by ?? 'literal'}`,
  );
}

describe('a variable that the Secret gives', () => {
  const both = [from(KEY, 'jwt', KEY), from(FALLBACKS, 'jwt', FALLBACKS)];
  const rows: readonly (readonly [string, Partial<Container>, readonly string[]])[] = [
    ['comes from it by envFrom', { envFrom: [all] }, []],
    ['comes from it one by one', { env: both }, []],
    ['is beaten by a value', { envFrom: [all], env: [value(KEY)] }, [`app ${KEY} literal`]],
    ['is beaten by an empty value', { envFrom: [all], env: [{ name: ALIAS }] }, [`app ${ALIAS} literal`]],
    [
      'is beaten by a key of another Secret',
      { envFrom: [all], env: [from(KEY, 'admin-env', KEY)] },
      [`app ${KEY} Secret/admin-env`],
    ],
    [
      'is beaten by a ConfigMap',
      { envFrom: [all], env: [fromMap(FALLBACKS)] },
      [`app ${FALLBACKS} ConfigMap/settings`],
    ],
    ['is beaten by a field of the pod', { envFrom: [all], env: [field(KEY)] }, [`app ${KEY} a field of the pod`]],
    [
      'is beaten by a data key that is never rotated',
      { envFrom: [all], env: [from(KEY, 'jwt', 'OLD')] },
      [`app ${KEY} Secret/jwt, data key OLD`],
    ],
    ['may come from another of its data keys', { envFrom: [all], env: [from(KEY, 'jwt', ALIAS)] }, []],
    [
      'is beaten by a later entry',
      { env: [from(KEY, 'jwt', KEY), from(KEY, 'admin-env', KEY), from(FALLBACKS, 'jwt', FALLBACKS)] },
      [`app ${KEY} Secret/admin-env`],
    ],
    ['beats an earlier entry', { env: [value(KEY), ...both] }, []],
    ['beats every envFrom', { env: both, envFrom: [{ secretRef: { name: 'admin-env' } }] }, []],
    [
      'is followed by data key and not by the name of the variable',
      { env: [from('TOKEN_KEY', 'jwt', KEY), value('TOKEN_KEY'), from(FALLBACKS, 'jwt', FALLBACKS)] },
      ['app TOKEN_KEY literal'],
    ],
    [
      'has the prefix of its envFrom',
      { envFrom: [{ prefix: 'APP_', secretRef: { name: 'jwt' } }], env: [value(`APP_${KEY}`)] },
      [`app APP_${KEY} literal`],
    ],
    [
      'is not the one without the prefix',
      { envFrom: [{ prefix: 'APP_', secretRef: { name: 'jwt' } }], env: [value(KEY)] },
      [],
    ],
    ['may be copied', { envFrom: [all], env: [value(ALIAS, `$(${KEY})`)] }, []],
    [
      'may be copied from a variable that is shadowed',
      { envFrom: [all], env: [value('X'), value(ALIAS, '$(X)')] },
      [`app ${ALIAS} literal`],
    ],
    [
      'is copied from what stands before the copy',
      { envFrom: [all], env: [value(ALIAS, `$(${KEY})`), value(KEY), value('PORT')] },
      [`app ${KEY} literal`],
    ],
    // what is not known stops nobody
    ['may be beaten by a later envFrom: not known', { envFrom: [all, { secretRef: { name: 'admin-env' } }] }, []],
    ['may be beaten by an optional key: not known', { envFrom: [all], env: [from(KEY, 'other', KEY, true)] }, []],
    ['may be part of a text: not known', { envFrom: [all], env: [value(KEY, `x-$(${ALIAS})`)] }, []],
    ['may be copied from elsewhere: not known', { envFrom: [all], env: [value(KEY, '$(ELSEWHERE)')] }, []],
    // where the Secret gives the one and not the other
    [
      'is meant by a value beside the fallbacks',
      { env: [value(KEY), from(FALLBACKS, 'jwt', FALLBACKS)] },
      [`app ${KEY} literal`],
    ],
    ['is not meant where only another Secret is read', { env: [value(KEY), from('DB', 'db', 'password')] }, []],
    [
      'is told once, however often the Secret gives it',
      { envFrom: [all], env: [from(KEY, 'jwt', KEY), value(KEY)] },
      [`app ${KEY} literal`],
    ],
    ['is not meant by another signing name', { env: [...both, value(ALIAS)] }, []],
  ];
  it.each(rows)('%s', (_, container, expected) => {
    expect(shadows(container)).toEqual(expected);
  });

  it('does not matter in a container without the Secret, nor in one that is over before the others start', () => {
    const dummy = { name: 'build', envFrom: [all], env: [value(KEY)] };
    const sidecar = { name: 'sidecar', env: [value(KEY)] };
    const containers = [{ name: 'app', envFrom: [all] }, sidecar];
    expect(shadows({}, { containers, initContainers: [dummy] })).toEqual([]);
    const stays = { ...dummy, restartPolicy: 'Always' };
    expect(shadows({}, { containers, initContainers: [stays] })).toEqual([`build ${KEY} literal`]);
  });
});

describe('what a target takes', () => {
  const items = (...keys: string[]) => keys.map((key) => ({ key, path: `keys/${key}.txt` }));
  const volume = (edit: Volume['secret']): Partial<PodSpec> => ({ volumes: [{ name: 'v', secret: edit ?? {} }] });
  const mount = (edit: object = {}) => ({ volumeMounts: [{ name: 'v', mountPath: '/v', ...edit }] });
  const everything = [KEY, ALIAS, FALLBACKS];
  const jwt = { secretName: 'jwt' };
  const rows: readonly (readonly [string, Partial<Container>, Partial<PodSpec>, readonly string[]])[] = [
    ['everything by envFrom', { envFrom: [all] }, {}, everything],
    ['a data key under another name', { env: [from('TOKEN_KEY', 'jwt', KEY)] }, {}, [KEY]],
    ['nothing of another Secret', { env: [from(KEY, 'other', KEY)] }, {}, []],
    ['nothing of another Secret by envFrom', { envFrom: [{ secretRef: { name: 'other' } }] }, {}, []],
    ['nothing of a ConfigMap of that name', { envFrom: [{ configMapRef: { name: 'jwt' } }] }, {}, []],
    ['everything by a mounted volume', mount(), volume(jwt), everything],
    ['nothing by a volume that no container mounts', {}, volume(jwt), []],
    ['nothing by a volume of another Secret', mount(), volume({ secretName: 'other' }), []],
    ['the items of a volume', mount(), volume({ ...jwt, items: items(KEY, FALLBACKS) }), [KEY, FALLBACKS]],
    ['one file by subPath', mount({ subPath: KEY }), volume(jwt), [KEY]],
    [
      'one item by subPath, by its path',
      mount({ subPath: `keys/${FALLBACKS}.txt` }),
      volume({ ...jwt, items: items(KEY, FALLBACKS) }),
      [FALLBACKS],
    ],
    ['a folder of items', mount({ subPath: 'keys' }), volume({ ...jwt, items: items(KEY, ALIAS) }), [KEY, ALIAS]],
    ['any file by an expression', mount({ subPathExpr: '$(POD_NAME)' }), volume(jwt), everything],
    [
      'part of a projected volume',
      mount(),
      { volumes: [{ name: 'v', projected: { sources: [{ secret: { name: 'jwt', items: items(FALLBACKS) } }] } }] },
      [FALLBACKS],
    ],
    [
      'what an init container takes, which may hand it on',
      { env: [from(KEY, 'jwt', KEY)] },
      { initContainers: [{ name: 'init', env: [from('X', 'jwt', FALLBACKS)] }] },
      [KEY, FALLBACKS],
    ],
  ];
  it.each(rows)('is %s', (_, container, more, expected) => {
    expect(consumption(container, more).takes).toEqual(expected);
  });
});

describe('a container that may look at the one previous key', () => {
  const PREVIOUS = 'JWT_SECRET_PREVIOUS';
  const names = { ...NAMES, previousName: PREVIOUS };
  const seen = (container: Partial<Container>, previousName = PREVIOUS) =>
    consumptionOf(sourcesOf({ containers: [{ name: 'app', ...container }] }), { ...names, previousName });
  const own = [from(KEY, 'jwt', KEY), from('OLD_KEY', 'jwt', PREVIOUS)];

  it.each([
    ['takes it by name, under whatever variable', { env: own }, true],
    ['takes it under the name of the list', { env: [from(KEY, 'jwt', KEY), from(FALLBACKS, 'jwt', PREVIOUS)] }, true],
    ['is given all data keys', { envFrom: [all] }, true],
    ['takes the list by name as well', { env: [...own, from(FALLBACKS, 'jwt', FALLBACKS)] }, false],
    ['takes it of another Secret', { env: [from(KEY, 'jwt', KEY), from('OLD_KEY', 'other', PREVIOUS)] }, false],
  ])('is one that %s', (_, container, expected) => {
    expect([seen(container).onePrevious, seen(container, '').onePrevious]).toEqual([expected, false]);
  });

  it('is not shadowed by it', () => {
    expect(seen({ env: [from(KEY, 'jwt', KEY), from(FALLBACKS, 'jwt', PREVIOUS)] }).shadows).toEqual([]);
  });
});

describe('the view of a workload', () => {
  const view = (containers: readonly Container[]) =>
    deploymentView({
      metadata: { name: 'app' },
      spec: { selector: {}, template: { spec: { containers } } },
    } as Deployment);

  it('holds no value of a variable', () => {
    const env = [value(KEY), value('X', `${LITERAL}$(Y)`), value('Y', `$$(${LITERAL})`)];
    const seen = view([{ name: 'app', envFrom: [all], env }]);
    expect(seen.sources).toHaveLength(1);
    expect(JSON.stringify(seen)).not.toContain(LITERAL);
  });

  it('holds nothing of containers that take nothing from a Secret', () => {
    const env = [value('PORT', '80'), fromMap('X'), field('Y')];
    expect(view([{ name: 'app', env, envFrom: [{ configMapRef: { name: 'settings' } }] }]).sources).toEqual([]);
  });
});
