/** `kubectl rekey validate-app`: the operator asks a pod of each target with the real keys; a Secret is read only if a flag says so. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { JwtKeyRotationStatus } from '../../src/rotation/api/types.ts';
import { rekey } from '../support/scenario/command.ts';
import { CANARY, openPlace, type Place } from '../support/scenario/place.ts';
import { readState } from '../support/scenario/rotation.ts';
import { scanForKeys } from '../support/scenario/secrets-scan.ts';
import { KEY, type Running, rotationName, secretName, targetName } from '../support/scenario/single.ts';
import { until } from '../support/scenario/until.ts';

const cluster = inject('cluster');

interface Target {
  readonly who: string;
  readonly result: string;
  readonly rows: readonly { readonly case: string; readonly verdict: string; readonly said: string }[];
}

describe('validate-app in a cluster', () => {
  let place: Place;
  beforeAll(async () => {
    place = await openPlace(cluster, 'validate');
    await place.operator();
  });
  afterAll(() => place.close());

  const validate = async (...args: readonly string[]) => {
    const at = ['-n', place.namespace, '--kubeconfig', cluster.kubeconfig];
    const said = await rekey(['validate-app', ...args, ...at], cluster.programs?.command);
    expect(scanForKeys([{ name: 'said', text: JSON.stringify(said) }], [KEY])).toEqual([]);
    expect(`${said.result}${said.told}`).not.toMatch(/eyJ[\w-]+\./);
    return said;
  };
  const asked = async (id: string, ...flags: readonly string[]) => {
    const { code, result, told } = await validate(rotationName(id), '-o', 'json', ...flags);
    const { targets = [], note } = JSON.parse(result || '{}') as { targets?: readonly Target[]; note?: string };
    const of = (verdict: string) => targets.flatMap(({ rows }) => rows.filter((row) => row.verdict === verdict));
    const names = (verdict: string) => [...new Set(of(verdict).map((row) => row.case))];
    return { code, told, targets, note, fails: names('Fail'), advice: names('Advice'), unknown: names('Unknown') };
  };

  /** A pod that starts in the second after the write is not sure to have read it: then one more. */
  const startedAnew = (id: string, running: Running, code: number) => {
    let times = 0;
    return until('a pod is known to have the fallbacks', async () => {
      times += 1;
      await place.deploy(id, { ...running, env: { ...running.env, STARTED: String(times) } });
      const found = await asked(id);
      return found.code === code ? found : undefined;
    });
  };

  it('is not sure of a fallback before the pod has started anew, and then is', async () => {
    const id = 'fit';
    const running = { image: 'rekey.dev/test-jwt', env: {} };
    await place.make(id, running);
    const before = await asked(id);
    expect(before).toMatchObject({ code: 3, told: '', fails: [] });
    // such a token of a real key would be good until its key is gone: it is never sent by the operator
    expect(before.unknown).toEqual(['fallback', 'no-expiry']);
    expect(before.targets[0]?.rows.find((row) => row.case === 'fallback')?.said).toContain('may have started before');

    const after = await startedAnew(id, running, 0);
    expect(after).toMatchObject({ fails: [], unknown: ['no-expiry'] });
    expect(after.targets.map(({ who }) => who)).toEqual([expect.stringMatching(`^Deployment/${targetName(id)}, pod `)]);

    const shown = await validate(rotationName(id));
    expect(shown.code).toBe(0);
    expect(shown.result).toMatch(/pass +expired an hour ago/);
    expect(shown.result).toContain('authorization: Bearer <token>');
    const { resource } = await readState(place.api, place.namespace, rotationName(id));
    const { status } = resource as { readonly status?: JwtKeyRotationStatus };
    expect(status?.appCheck?.pods).toMatchObject([{ result: 'Fit' }]);
    expect(JSON.stringify(status)).not.toMatch(/eyJ[\w-]+\./);
  });

  it('finds a service that looks at the key id alone, and one that knows one key', async () => {
    const byId = { image: 'rekey.dev/test-jwt', env: { VERIFY: 'kid' } };
    await place.make('kid', byId, {}, { JWT_KEY_ID: 'k-0' });
    const known = await asked('kid');
    expect(known.code).toBe(1);
    expect(known.fails).toContain('made-up-key-known-id');

    const single = { image: 'rekey.dev/example-node', env: { KEY_MODE: 'single' } };
    await place.make('single', single);
    const one = await startedAnew('single', single, 1);
    expect(one.fails).toEqual(['fallback']);
  });

  it('asks one target alone, and says which it cannot ask', async () => {
    const label = `Deployment/${targetName('kid')}`;
    expect((await asked('kid', '--target', label)).targets).toHaveLength(1);
    const other = await asked('kid', '--target', 'Deployment/other');
    expect(other).toMatchObject({ code: 3, targets: [], note: 'there is no target Deployment/other' });
    expect(await validate(rotationName('kid'), '--target', 'other')).toMatchObject({
      ...{ code: 2, result: '' },
      told: expect.stringContaining('--target other: write KIND/NAME'),
    });
    expect(await validate('absent')).toMatchObject({ code: 1, result: '', told: expect.stringContaining('absent') });
  });

  it('reads a Secret only if asked to', async () => {
    const [pod] = place.pods('fit');
    const url = `http://${pod?.status?.podIP}:${CANARY.port}${CANARY.path}`;
    const claims = ['--issuer', 'remotehive', '--audience', 'remotehive'];
    const said = await validate(url, '--secret', secretName('fit'), ...claims);
    expect(said.told).toBe(
      `Secret ${place.namespace}/${secretName('fit')}: its keys are read with your rights, and stay in this process\n`,
    );
    expect(said.code).toBe(0);
    expect(said.result).toMatch(/pass +the same, signed with a fallback \(1 of 1\)/);
    const absent = await validate(url, '--secret', 'absent', ...claims);
    expect(absent).toMatchObject({ code: 1, result: '', told: expect.stringContaining('secrets/absent') });
    const named = await validate(url, '--secret', secretName('fit'), '--signing-name', 'OTHER');
    expect(named).toMatchObject({ code: 1, told: expect.stringContaining('it has no OTHER') });
  });
});
