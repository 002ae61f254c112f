/** How long a rotation lasts is said, with what that is the sum of; and so is an edit that it does not follow. */
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { statusText } from '../../src/cli/status.ts';
import type { JwtKeyRotation } from '../../src/rotation/api/names.ts';
import { untilEvent } from '../support/scenario/events.ts';
import { openPlace, type Place } from '../support/scenario/place.ts';
import { conditionOf, requestRotation, waitFor, waitForPhase } from '../support/scenario/rotation.ts';

const cluster = inject('cluster');

let place: Place;
beforeAll(async () => {
  place = await openPlace(cluster, 'drain');
  await place.operator();
});
afterAll(() => place.close());

it('a rotation says when its old key leaves, and that an edit which would shorten the wait counts from the next one on', async () => {
  const { api, namespace, name } = place.at('a');
  await place.make('a', {}, { maxTokenTTL: '20s', clockSkew: '60s', retire: { slack: '15m' } });
  await requestRotation(api, namespace, name);
  const { resource } = await waitForPhase(api, namespace, name, 'Draining');

  const sum = '16m 20s (20s tokens + 1m skew + 15m slack)';
  expect(conditionOf(resource, 'Rotating')?.message).toBe(
    `the old key leaves at ${resource.status?.retireNotBefore}, ${sum} after the last pod that could sign with it was gone`,
  );
  expect(resource.status?.drainSeconds).toBe(980);
  await untilEvent({ api, namespace, name }, 'KeyDraining', `for ${sum}`);

  await api.patch(
    { kind: 'JwtKeyRotation', namespace, name },
    { spec: { retire: { slack: null }, key: { bytes: 64 } } },
  );
  const told =
    'from the next rotation on: this rotation keeps the drain time it started with, 16m 20s; the spec says 3m 30s (20s tokens + 1m skew + 2m 10s slack), and the new key of this rotation has 32 bytes; spec.key.bytes says 64';
  const edited = await waitFor(api, namespace, name, 'the edit is told', (state) => {
    return conditionOf(state.resource, 'Rotating')?.message.endsWith(told) === true;
  });
  expect(edited.resource.status?.retireNotBefore).toBe(resource.status?.retireNotBefore);
  expect(statusText(edited.resource as unknown as JwtKeyRotation, Date.now())).toContain(
    '16m 20s, fixed when this rotation started; from the next one on 3m 30s (20s tokens + 1m skew + 2m 10s slack)',
  );
});
