/** What `check --canary` shows. */
import { describe, expect, it } from 'vitest';
import { checkText } from '../../../src/cli/check-canary.ts';

describe('check --canary', () => {
  it('shows the request, the pair of answers and the verdict of each pod, and what was not asked', () => {
    const text = checkText({
      ...{ requestedAt: 'now', checkedAt: 'now', note: '3 more pods were not asked' },
      pods: [
        {
          ...{
            target: 'Deployment/api',
            pod: 'api-1',
            inUse: 'accepted: it answered 200',
            madeUp: 'refused: it answered 401',
          },
          request: 'GET http://10.0.0.1:80/x\nauthorization: Bearer <token>',
          ...{ verdict: 'Works', message: 'pod api-1 accepts the key in use and refuses a made-up one' },
        },
        { target: 'Deployment/api', pod: 'api-2', verdict: 'Unknown', message: 'pod api-2 has no address yet' },
      ],
    });
    expect(text).toBe(`Deployment/api, pod api-1
  request      GET http://10.0.0.1:80/x
               authorization: Bearer <token>
  key in use   accepted: it answered 200
  made-up key  refused: it answered 401
  verdict      Works: pod api-1 accepts the key in use and refuses a made-up one

Deployment/api, pod api-2
  verdict  Unknown: pod api-2 has no address yet

3 more pods were not asked
`);
  });
});
