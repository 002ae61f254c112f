/**
 * A pod of the mini cluster: a server on a loopback address that verifies bearer tokens with the keys it started with.
 */
import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import type { Deployment, Pod, Secret } from '../../src/kube/types.ts';

export const CANARY = { path: '/verify', acceptStatuses: [], refuseStatuses: [] };
const OK = 200;
const UNAUTHORIZED = 401;

let started = 0;

export interface MiniPod {
  readonly object: Pod;
  /** Texts of the keys that it accepts. */
  readonly keys: readonly string[];
  close(): Promise<void>;
}

/** Where a pod is, and whether it is asked to serve. */
export interface Surroundings {
  /** The same for all pods, which have addresses of their own. */
  readonly port: number;
  readonly now: number;
  /** Asked for each request. @returns whether the pod says that it is busy */
  readonly isBusy: () => boolean;
}

export async function startPod(
  deployment: Deployment,
  secret: Secret,
  { port, now, isBusy }: Surroundings,
): Promise<MiniPod> {
  started += 1;
  const address = `127.0.${100 + Math.floor(started / 200)}.${1 + (started % 200)}`;
  const keys = keysOf(secret);
  const server = createServer((request, response) => {
    if (isBusy()) {
      response.writeHead(503, { 'retry-after': '3' }).end();
      return;
    }
    const token = (request.headers.authorization ?? '').replace('Bearer ', '');
    response.writeHead(keys.some((key) => isSignedWith(token, key)) ? OK : UNAUTHORIZED);
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(port, address, resolve));
  const { name, namespace = '' } = deployment.metadata;
  return {
    keys,
    object: podObject(deployment, { name: `${name}-${started}`, namespace, address, now }),
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** What a service takes from its environment: the signing key and the list of fallbacks. */
export function keysOf({ data = {} }: Secret): readonly string[] {
  const text = (name: string) => Buffer.from(data[name] ?? '', 'base64').toString();
  return [text('JWT_SECRET_KEY'), ...text('JWT_SECRET_KEY_FALLBACKS').split(',')].filter((key) => key !== '');
}

function isSignedWith(token: string, key: string): boolean {
  const [header = '', payload = '', signature = ''] = token.split('.');
  return createHmac('sha256', key).update(`${header}.${payload}`).digest('base64url') === signature;
}

interface Place {
  readonly name: string;
  readonly namespace: string;
  readonly address: string;
  readonly now: number;
}

function podObject({ metadata, spec }: Deployment, { name, namespace, address, now }: Place): Pod {
  const startedAt = new Date(now).toISOString();
  const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', uid: 'rs', controller: true, name: `${metadata.name}-rs` };
  const { labels, annotations } = spec?.template.metadata ?? {};
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...{ name, namespace, uid: `uid-${name}`, creationTimestamp: startedAt, ownerReferences: [owner] },
      labels: { ...labels, 'pod-template-hash': 'rs' },
      ...(annotations && { annotations }),
    },
    spec: { ...spec?.template.spec, containers: spec?.template.spec?.containers ?? [], nodeName: 'node' },
    status: {
      phase: 'Running',
      podIP: address,
      conditions: [{ type: 'Ready', status: 'True' }],
      containerStatuses: [
        { name: 'app', restartCount: 0, containerID: `c-${name}`, ready: true, state: { running: { startedAt } } },
      ],
    },
  };
}
