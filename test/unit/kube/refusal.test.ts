/** Why a call was refused is read from the words of the API server: those below are what a real one has answered. */
import { describe, expect, it } from 'vitest';
import { refusalOf } from '../../../src/kube/refusal.ts';
import { errorOfStatus } from '../../../src/kube/status.ts';

const KEY = 'a1'.repeat(32);
const ROWS: readonly (readonly [number, string, ReturnType<typeof refusalOf>])[] = [
  [
    403,
    'secrets is forbidden: User "x" cannot create resource "secrets" in API group "" in the namespace "shop"',
    { cause: 'Rights' },
  ],
  [403, 'deployments.apps "d" is forbidden: User "x" cannot patch resource "deployments"', { cause: 'Rights' }],
  [403, '', { cause: 'Rights' }],
  [403, 'pods "p" is forbidden: node n may not do this', { cause: 'Admission' }],
  [
    403,
    'secrets "s" is forbidden: exceeded quota: q, requested: count/secrets=1, used: count/secrets=1, limited: count/secrets=0',
    { cause: 'Quota', by: 'q' },
  ],
  [
    422,
    `secrets "s" is forbidden: ValidatingAdmissionPolicy 'no-friday' with binding 'b' denied request: not on a Friday`,
    { cause: 'Admission', by: 'no-friday' },
  ],
  [
    413,
    `configmaps "d" is forbidden: ValidatingAdmissionPolicy 'deny-cm' with binding 'b' denied request: too much`,
    { cause: 'Admission', by: 'deny-cm' },
  ],
  [400, 'admission webhook "w.example.com" denied the request: no', { cause: 'Admission', by: 'w.example.com' }],
  [
    500,
    'Internal error occurred: failed calling webhook "w.example.com": failed to call webhook: connection refused',
    { cause: 'Admission', by: 'w.example.com' },
  ],
  [
    403,
    'serviceaccounts "s" is forbidden: unable to create new content in namespace scratch because it is being terminated',
    { cause: 'Terminating' },
  ],
  [422, 'Secret "s" is invalid: data: Too long: may not be more than 1048576 bytes', { cause: 'TooLarge' }],
  [413, 'Request entity too large: limit is 3145728', { cause: 'TooLarge' }],
  [500, 'etcdserver: request is too large', { cause: 'TooLarge' }],
  [422, 'Secret "s" is invalid: type: Invalid value', { cause: 'Invalid' }],
  [400, 'unknown field', { cause: 'Invalid' }],
  // what may go well the next time is no refusal
  [409, 'the object has been modified', undefined],
  [404, 'secrets "s" not found', undefined],
  [429, 'Cannot evict pod', undefined],
  [500, 'etcdserver: request timed out', undefined],
  // a name is taken only from where the API server writes it
  [422, `Secret "s" is invalid: data: ValidatingAdmissionPolicy '${KEY}' with binding 'b'`, { cause: 'Invalid' }],
  [403, `secrets "s" is forbidden: a policy says: exceeded quota: ${KEY}, requested: 1`, { cause: 'Admission' }],
];

describe('a refusal', () => {
  it.each(ROWS)('%s %s', (status, message, refusal) => {
    expect(refusalOf(status, message)).toEqual(refusal);
  });

  it('of a Secret says nothing of the message', () => {
    const message = `secrets "s" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: bad key ${KEY}`;
    const error = errorOfStatus({ verb: 'patch', resource: 'secrets', name: 's' }, 422, { message, reason: 'Invalid' });
    expect(error.refusal).toEqual({ cause: 'Admission', by: 'p' });
    expect(JSON.stringify({ ...error, message: error.message })).not.toContain(KEY);
  });
});
