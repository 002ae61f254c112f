/** A restart takes back no later one, whoever asks for it and however late the request arrives. */
import { describe, expect, it } from 'vitest';
import { KubeError } from '../../../../src/kube/errors.ts';
import type { Deployment } from '../../../../src/kube/types.ts';
import { restart } from '../../../../src/rotation/act/restart.ts';
import type { TargetFacts } from '../../../../src/rotation/facts.ts';
import { STEADY, services } from '../builders.ts';

/** A server with one Deployment, which applies as the API server does. */
function server(version: string, stamp?: string) {
  const asked: (string | undefined)[] = [];
  const live = { uid: 'main', resourceVersion: version, stamp };
  const object = (): Deployment => ({
    metadata: { namespace: 'shop', name: 'main', uid: live.uid, resourceVersion: live.resourceVersion },
    spec: {
      selector: {},
      template: {
        metadata: { annotations: live.stamp === undefined ? {} : { 'rekey.dev/keyset-version': live.stamp } },
        spec: { containers: [] },
      },
    },
  });
  const client = {
    get: async () => object(),
    apply: async (_: unknown, __: unknown, body: { metadata: { resourceVersion?: string }; spec: never }) => {
      asked.push(body.metadata.resourceVersion);
      if (body.metadata.resourceVersion !== live.resourceVersion) {
        throw new KubeError({ code: 'Conflict', verb: 'patch', resource: 'deployments' });
      }
      live.stamp = (
        body.spec as { template: { metadata: { annotations: Record<string, string> } } }
      ).template.metadata.annotations['rekey.dev/keyset-version'];
      live.resourceVersion += '0';
      return object();
    },
  };
  return { asked, live, client: client as never };
}

function main(resourceVersion: string): TargetFacts {
  const [target] = services(STEADY, { main: 1, admin: 1 });
  if (target?.workload === undefined) throw new Error('no target');
  return { ...target, workload: { ...target.workload, uid: 'main', resourceVersion } };
}

const noFence = () => undefined;
const options = { fence: noFence, onWorkload: () => undefined };

describe('a restart', () => {
  it('is conditional on the version that was observed', async () => {
    const { client, asked, live } = server('7');
    await restart({ ...options, client }, 'shop', { target: main('7'), at: 0 }, 2);
    expect(asked).toEqual(['7']);
    expect(live.stamp).toBe('2');
  });

  it('is asked for again at once if only the cache is old', async () => {
    const { client, asked, live } = server('9', '1');
    await restart({ ...options, client }, 'shop', { target: main('7'), at: 0 }, 2);
    expect(asked).toEqual(['7', '9']);
    expect(live.stamp).toBe('2');
  });

  it.each([
    ['for a later keyset is not taken back by a request that comes late', 'main', '3'],
    ['of another workload of the same name is not asked for', 'another', undefined],
  ])('%s', async (_, uid, stamp) => {
    const { client, asked, live } = server('9', stamp);
    live.uid = uid;
    const late = restart({ ...options, client }, 'shop', { target: main('7'), at: 0 }, 2);
    await expect(late).rejects.toMatchObject({ code: 'Conflict' });
    expect(asked).toEqual(['7']);
    expect(live.stamp).toBe(stamp);
  });

  it('of a workload that is gone is outrun, and holds up no other', async () => {
    const { client } = server('9');
    const gone = {
      ...(client as object),
      get: async () => {
        throw new KubeError({ code: 'NotFound', verb: 'get', resource: 'deployments' });
      },
    } as never;
    const late = restart({ ...options, client: gone }, 'shop', { target: main('7'), at: 0 }, 2);
    await expect(late).rejects.toMatchObject({ code: 'Conflict' });
  });

  it('is not asked for again by who no longer leads', async () => {
    const { client, asked } = server('9');
    let left = 1;
    const fence = () => {
      left -= 1;
      if (left < 0) throw new Error('NotLeading');
    };
    await expect(restart({ ...options, client, fence }, 'shop', { target: main('7'), at: 0 }, 2)).rejects.toThrow(
      'NotLeading',
    );
    expect(asked).toEqual(['7']);
  });
});
