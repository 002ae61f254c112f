/**
 * Edits of the resource in the middle of a rotation, good and bad; bad ones are put right after some seconds.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { REQUEST } from '../../../src/rotation/api/names.ts';
import type { KubeObject } from '../../support/cluster/kubeobject.ts';
import { SPEC } from '../fleet.ts';
import type { Plan, WorldStrike } from '../plan.ts';
import { during, type WorldContext, type WorldFault } from './world.ts';

const KIND = 'spec edited';
const target = ({ lane }: WorldContext) => ({ kind: 'JwtKeyRotation', namespace: lane.namespace, name: lane.name });
const UNDER_WAY: readonly WorldStrike['phase'][] = ['Staging', 'Promoting', 'Draining', 'Retiring'];
const BRIEFLY = 2_500;
/** Until the rotation is over. */
const LEFT = Number.POSITIVE_INFINITY;

interface Options {
  readonly phases?: readonly WorldStrike['phase'][];
  readonly without?: Plan['without'];
}

/** Changes fields of the spec and puts them back to what they were. */
const field = (
  name: string,
  ms: number,
  change: Readonly<Record<string, unknown>>,
  options: Options = {},
): WorldFault => ({
  name: ms === LEFT ? `spec.${name}` : `spec.${name}, for ${ms / 1000} s`,
  class: KIND,
  ...options,
  run: async (context) => {
    const { api } = context.lane;
    const { spec } = await api.get<KubeObject & { readonly spec: Readonly<Record<string, unknown>> }>(target(context));
    const back = Object.fromEntries(Object.keys(change).map((key) => [key, spec[key] ?? null]));
    // A field that had no value is not taken away by putting its object back.
    const replace = (to: object): Promise<unknown> => api.patch(target(context), { spec: to });
    await during(
      context,
      ms,
      () => replace(change),
      () => replace(nulled(change, back)),
    );
  },
});

/** What merges back to `before`: fields of objects that were not there become null. */
function nulled(change: Readonly<Record<string, unknown>>, before: Readonly<Record<string, unknown>>): object {
  const isObject = (value: unknown): value is Record<string, unknown> =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  return Object.fromEntries(
    Object.entries(change).map(([key, value]) => {
      const old = before[key] ?? null;
      if (!isObject(value) || !isObject(old)) return [key, old];
      const gone = Object.fromEntries(
        Object.keys(value)
          .filter((one) => !(one in old))
          .map((one) => [one, null]),
      );
      return [key, { ...old, ...gone }];
    }),
  );
}

const annotated = (name: string, ms: number, annotations: Readonly<Record<string, string>>): WorldFault => ({
  name: `${name}, for ${ms / 1000} s`,
  class: KIND,
  run: (context) => {
    const set = (to: object) => () => context.lane.api.patch(target(context), { metadata: { annotations: to } });
    const gone = Object.fromEntries(Object.keys(annotations).map((key) => [key, null]));
    return during(context, ms, set(annotations), set(gone));
  },
});

const [main, admin] = SPEC.targets;
const targets = (change: object) => ({ targets: [main, { ...admin, ...change }] });
const canary = (change: object) => targets({ canary: { ...admin?.canary, ...change } });
const ABORTS = { 'the outcome is right': 'a service that cannot be asked may end the rotation' };
const always = { schedule: '* * * * *', duration: '1h' };

export const SPECS: readonly WorldFault[] = [
  field('maxTokenTTL: 5s', LEFT, { maxTokenTTL: '5s' }),
  // Before the rotation it would be the owner's lie; under way it must not count.
  field('maxTokenTTL: 1s', LEFT, { maxTokenTTL: '1s' }, { phases: UNDER_WAY }),
  field('maxTokenTTL: 1s', BRIEFLY, { maxTokenTTL: '1s' }, { phases: UNDER_WAY }),
  field('clockSkew: 2s', LEFT, { clockSkew: '2s' }),
  field('retire.slack: 2s', LEFT, { retire: { slack: '2s' } }),
  field('retire.mode: Lazy', BRIEFLY, { retire: { mode: 'Lazy' } }),
  field('rotationPeriod: 30d', LEFT, { rotationPeriod: '30d' }),
  field('rotationPeriod: 1s', BRIEFLY, { rotationPeriod: '1s' }),
  field('suspend: true', BRIEFLY, { suspend: true }),
  field('suspend: true', LEFT, { suspend: true }, { phases: UNDER_WAY }),
  field('targets without admin', BRIEFLY, { targets: [main] }),
  field('targets with one that is not there', BRIEFLY, {
    targets: [...SPEC.targets, { kind: 'Deployment', name: 'ghost' }],
  }),
  field('targets in another order', LEFT, { targets: [admin, main] }),
  field('canary of admin answers for everybody', BRIEFLY, canary({ path: '/healthz' }), { without: ABORTS }),
  field('canary of admin has no such path', BRIEFLY, canary({ path: '/nowhere' }), { without: ABORTS }),
  field('canary of admin has no such port', BRIEFLY, canary({ port: 9 }), { without: ABORTS }),
  field('admin has no canary', LEFT, { targets: [main, { kind: 'Deployment', name: 'admin', roles: ['Verifier'] }] }),
  field('canary.issuer: nobody', BRIEFLY, { canary: { issuer: 'nobody' } }, { without: ABORTS }),
  field('secretKeys.fallbacks: OTHERS', BRIEFLY, { secretKeys: { fallbacks: 'OTHERS' } }),
  field('secretKeys.signing without JWT_SECRET', LEFT, { secretKeys: { signing: ['JWT_SECRET_KEY'] } }),
  field('secretKeys.signing without JWT_SECRET', BRIEFLY, { secretKeys: { signing: ['JWT_SECRET_KEY'] } }),
  field('secretKeys.signing with another', BRIEFLY, {
    secretKeys: { signing: ['JWT_SECRET_KEY', 'JWT_SECRET', 'THIRD'] },
  }),
  field('key.bytes: 64', LEFT, { key: { bytes: 64 } }),
  field('key.algorithm: HS512', BRIEFLY, { key: { algorithm: 'HS512', bytes: 64 } }, { without: ABORTS }),
  field('strategy: Cutover', BRIEFLY, { strategy: 'Cutover', allowCutover: true }),
  field('a window that forbids', BRIEFLY, { maintenanceWindows: [{ kind: 'Deny', ...always }] }),
  field('a window that allows', LEFT, { maintenanceWindows: [{ kind: 'Allow', ...always }] }),
  field('unlistedConsumers: Warn', LEFT, { unlistedConsumers: 'Warn' }),
  field('rolloutTimeout: 1s', LEFT, { rolloutTimeout: '1s' }),
  field('timeZone: Mars/Phobos', BRIEFLY, { timeZone: 'Mars/Phobos' }),
  annotated('it is paused', BRIEFLY, { [REQUEST.paused]: 'true' }),
  {
    name: 'it is edited every 50 ms, for 2 s',
    class: KIND,
    without: { 'few API calls': 'every edit makes it look again' },
    run: async (context) => {
      const edit = (value: string | null) =>
        context.lane.api.patch(target(context), { metadata: { annotations: { 'example.com/n': value } } });
      for (let i = 0; i < 40; i += 1) {
        await edit(String(i));
        await sleep(50);
      }
      await edit(null);
    },
  },
  {
    name: 'its status is emptied',
    class: KIND,
    run: async (context) => {
      const { metadata } = await context.lane.api.get(target(context));
      const gone = [
        'phase',
        'conditions',
        'targets',
        'history',
        'keysetVersion',
        'currentKeyId',
        'lastHandledRotateAt',
      ];
      const status = Object.fromEntries(gone.map((name) => [name, null]));
      await context.lane.api.patch(
        { ...target(context), subresource: 'status' },
        { metadata: { uid: metadata.uid }, status },
      );
    },
  },
  {
    name: 'its status is forged: Steady at version 9999',
    class: KIND,
    run: async (context) => {
      const status = { phase: 'Steady', keysetVersion: 9999, currentKeyId: 'k-00000000' };
      await context.lane.api.patch({ ...target(context), subresource: 'status' }, { status });
    },
  },
  {
    name: 'it is deleted and created again after 1 s',
    class: KIND,
    run: async (context) => {
      const { api, namespace, name } = context.lane;
      const { spec, metadata } = await api.get(target(context));
      await api.delete(target(context));
      await sleep(1_000);
      const { annotations = {}, labels = {} } = metadata;
      await api.create({ kind: 'JwtKeyRotation', metadata: { namespace, name, annotations, labels }, spec });
    },
  },
];
