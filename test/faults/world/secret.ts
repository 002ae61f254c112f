/**
 * Hands on the Secret itself. What is put back is what was there.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { STATE } from '../../../src/rotation/api/names.ts';
import type { Secret } from '../../support/node/types.ts';
import { during, type WorldContext, type WorldFault } from './world.ts';

const KIND = 'hand-edited Secret';
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const target = ({ lane }: WorldContext) => ({ kind: 'Secret', namespace: lane.namespace, name: lane.name });

async function edit(context: WorldContext, patch: object): Promise<Secret> {
  const edited = await context.lane.api.patch<Secret>(target(context), patch);
  context.lane.history.mine(edited.metadata.resourceVersion);
  return edited;
}

/** An edit and its undoing; while it lasts rekey must not write. */
const edited = (
  name: string,
  ms: number,
  of: (secret: Secret) => { readonly to: object; readonly back: object },
): WorldFault => ({
  name,
  class: KIND,
  run: async (context) => {
    const { to, back } = of(await context.lane.api.get<Secret>(target(context)));
    await during(
      context,
      ms,
      () => edit(context, to),
      () => edit(context, back),
    );
  },
});

const data = (field: string, change: (text: string) => string) => (secret: Secret) => {
  const before = secret.data?.[field] ?? null;
  const text = Buffer.from(before ?? '', 'base64').toString();
  return { to: { data: { [field]: base64(change(text)) } }, back: { data: { [field]: before } } };
};

const annotation = (field: string, value: string | null) => (secret: Secret) => ({
  to: { metadata: { annotations: { [field]: value } } },
  back: { metadata: { annotations: { [field]: secret.metadata.annotations?.[field] ?? null } } },
});

/** A patch that makes the Secret what that copy says. */
function backTo({ metadata, data = {} }: Secret, now: Secret): object {
  const annotations = Object.values(STATE).map((name) => [name, metadata.annotations?.[name] ?? null]);
  const gone = Object.keys(now.data ?? {}).map((name) => [name, null]);
  return { metadata: { annotations: Object.fromEntries(annotations) }, data: { ...Object.fromEntries(gone), ...data } };
}

const STRANGER = 'f'.repeat(64);

export const SECRETS: readonly WorldFault[] = [
  {
    ...edited(
      'a strange key is appended to the fallbacks, for 2 s',
      2_000,
      data('JWT_SECRET_KEY_FALLBACKS', (text) => `${text},${STRANGER}`),
    ),
    strange: true,
  },
  edited(
    'JWT_KEY_ID is changed, for 2 s',
    2_000,
    data('JWT_KEY_ID', () => 'k-00000000'),
  ),
  edited('the state of the keys is no JSON, for 2 s', 2_000, annotation(STATE.keys, '[{')),
  edited('the history is emptied, for 2 s', 2_000, annotation(STATE.history, '[]')),
  edited('the phase is taken away, for 2 s', 2_000, annotation(STATE.phase, null)),
  edited(
    'another data key is added',
    2_000,
    data('MORE', () => 'more'),
  ),
  edited('an annotation of others is added', 2_000, annotation('example.com/more', 'more')),
  {
    // It is adopted anew then; to put the version back over that would be a forgery.
    name: 'the version is taken away',
    class: KIND,
    without: {
      'the outcome is right': 'it is as if the rotation had never been',
      'version rises': 'the version is gone',
      'few restarts': 'the rotation begins anew',
    },
    run: async (context) => {
      await edit(context, { metadata: { annotations: { [STATE.version]: null } } });
    },
  },
  {
    name: 'others touch it every 50 ms, for 3 s',
    class: KIND,
    without: { 'few API calls': 'every touch makes it look again' },
    run: async (context) => {
      for (let i = 0; i < 60; i += 1) {
        await edit(context, { metadata: { annotations: { 'example.com/touched': String(i) } } });
        await sleep(50);
      }
      await edit(context, { metadata: { annotations: { 'example.com/touched': null } } });
    },
  },
  {
    name: 'the version before is put back from a backup, for 3 s',
    class: KIND,
    moments: [0],
    run: async (context) => {
      const { api, history } = context.lane;
      let isOver = false;
      void context.over.then(() => {
        isOver = true;
      });
      const backup = await api.get<Secret>(target(context));
      const version = history.latest()?.version ?? 0;
      while (!isOver && (history.latest()?.version ?? 0) <= version) await sleep(20);
      // the ledger follows in a moment
      await sleep(500);
      if (isOver) return;
      const newest = await api.get<Secret>(target(context));
      await during(
        context,
        3_000,
        () => edit(context, backTo(backup, newest)),
        () => edit(context, backTo(newest, backup)),
      );
    },
  },
  {
    name: 'it is deleted and put back after 1 s',
    class: KIND,
    run: async (context) => {
      const { api, history } = context.lane;
      const secret = await api.get<Secret>(target(context));
      const { resourceVersion: _, uid: __, creationTimestamp: ___, managedFields: ____, ...metadata } = secret.metadata;
      await api.delete(target(context));
      await sleep(1_000);
      const back = await api.create({ ...secret, kind: 'Secret', metadata });
      history.mine(back.metadata.resourceVersion);
    },
  },
];
