/** What a workload's annotations ask Reloader to do when the Secret changes. */
import { describe, expect, it } from 'vitest';
import { reloadedBy, reloaderView } from '../../../../src/rotation/workloads/reloader.ts';

type Annotations = Readonly<Record<string, string>>;

const AUTO = { 'reloader.stakater.com/auto': 'true' };
const SECRETS = { 'secret.reloader.stakater.com/auto': 'true' };
const named = (names: string) => ({ 'secret.reloader.stakater.com/reload': names });

describe('Reloader', () => {
  const rows: readonly (readonly [string, Annotations, Annotations, string | undefined])[] = [
    ['is asked for nothing', {}, {}, undefined],
    ['is asked for every change', AUTO, {}, 'reloader.stakater.com/auto'],
    ['is asked for every change of a Secret', SECRETS, {}, 'secret.reloader.stakater.com/auto'],
    ['is asked in the pod template', {}, AUTO, 'reloader.stakater.com/auto'],
    [
      'does not look at the template where the workload speaks',
      { 'reloader.stakater.com/auto': 'false' },
      AUTO,
      undefined,
    ],
    ['is asked for this Secret', named('other, jwt'), {}, 'secret.reloader.stakater.com/reload'],
    ['is asked for another Secret', named('other,jwt-2'), {}, undefined],
    ['is asked for a pattern, which may mean this one', named('other|jwt'), {}, 'secret.reloader.stakater.com/reload'],
    [
      'is asked to leave this Secret out',
      { ...AUTO, 'secrets.exclude.reloader.stakater.com/reload': 'a, jwt' },
      {},
      undefined,
    ],
    ['is asked for ConfigMaps', { 'configmap.reloader.stakater.com/auto': 'true' }, {}, undefined],
    ['is asked for what is marked, and the Secret is not', { 'reloader.stakater.com/search': 'true' }, AUTO, undefined],
  ];
  it.each(rows)('%s', (_, workload, template, expected) => {
    expect(reloadedBy(reloaderView(workload, template), 'jwt')).toBe(expected);
  });
});
