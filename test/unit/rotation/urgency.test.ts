import { expect, test } from 'vitest';
import { type JwtKeyRotation, REQUEST } from '../../../src/rotation/api/names.ts';
import { priorityOf } from '../../../src/rotation/requests/urgency.ts';

const resource = (annotations: object, status: object) =>
  ({ metadata: { namespace: 'shop', name: 'jwt', annotations }, spec: {}, status }) as unknown as JwtKeyRotation;

test('an emergency goes first, then what is under way, then what is requested, then the rest', () => {
  const emergency = { [REQUEST.emergency]: 'leak: found' };
  const rotate = { [REQUEST.rotateAt]: 'now' };
  const inOrder = [
    resource(emergency, { phase: 'Draining' }),
    resource(rotate, { phase: 'Draining' }),
    resource(rotate, { phase: 'Steady' }),
    resource(rotate, { phase: 'Steady', lastHandledRotateAt: 'now' }),
  ].map((each) => priorityOf(each));
  expect(inOrder).toEqual([3, 2, 1, 0]);
  expect(priorityOf(resource(emergency, { phase: 'Steady', lastHandledEmergency: 'leak' }))).toBe(0);
});

test('what the Secret says counts before what the status says', () => {
  const rotate = { [REQUEST.rotateAt]: 'now' };
  expect(priorityOf(resource(rotate, { phase: 'Preflight' }), 'Staging')).toBe(2);
  expect(priorityOf(resource({}, { phase: 'Retiring' }), 'Steady')).toBe(0);
});
