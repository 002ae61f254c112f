import { type ClientRequest, request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ContainerSpec, HookSpec, ProbeSpec } from './types.ts';

/** Before its first success a probe is repeated this often, so that tests need not wait for a whole period. */
const eagerPeriodMs = 150;

/**
 * Runs a probe until the signal aborts and reports each change of its verdict.
 * As the kubelet does it: success after `successThreshold` good answers in a
 * row, failure after `failureThreshold` bad ones, then again and again each
 * period; only that before the first success it asks more often (unless the
 * probe's failure has consequences: see `eager`).
 *
 * @param eager false for a liveness probe, where asking more often would kill sooner
 */
export async function runProbe(
  probe: ProbeSpec,
  container: ContainerSpec,
  podIP: string,
  eager: boolean,
  report: (isWell: boolean) => void,
  signal: AbortSignal,
): Promise<void> {
  const { initialDelaySeconds = 0, periodSeconds = 10, timeoutSeconds = 1 } = probe;
  const { successThreshold = 1, failureThreshold = 3 } = probe;
  let row = { isWell: false, length: 0 };
  let hasSucceeded = false;
  await pause(initialDelaySeconds * 1_000, signal);
  while (!signal.aborted) {
    const isWell = await attempt(probe, container, podIP, timeoutSeconds * 1_000, signal);
    if (signal.aborted) return;
    row = { isWell, length: row.isWell === isWell ? row.length + 1 : 1 };
    if (row.length === (isWell ? successThreshold : failureThreshold)) report(isWell);
    hasSucceeded ||= isWell && row.length >= successThreshold;
    await pause(
      eager && !hasSucceeded ? Math.min(eagerPeriodMs, periodSeconds * 1_000) : periodSeconds * 1_000,
      signal,
    );
  }
}

/**
 * Asks once.
 * @returns whether the answer was a 2xx or 3xx (httpGet) or a connection (tcpSocket) within the time
 */
export function attempt(
  hook: HookSpec,
  container: ContainerSpec,
  podIP: string,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<boolean> {
  const { httpGet, tcpSocket } = hook;
  if (httpGet !== undefined) {
    const { host = podIP, path = '/', scheme = 'HTTP', httpHeaders = [] } = httpGet;
    const send = scheme === 'HTTPS' ? httpsRequest : httpRequest;
    const headers = Object.fromEntries(httpHeaders.map(({ name, value }) => [name, value]));
    return settle(timeoutMs, signal, () => {
      const request = send({
        host,
        port: portOf(httpGet.port, container),
        path,
        agent: false,
        headers: { 'user-agent': 'kube-probe/process-node', ...headers },
        // As the kubelet: a probe over TLS does not look at the certificate.
        rejectUnauthorized: false,
      });
      request.once('response', (response) => {
        response.on('error', () => {}).resume();
        const { statusCode = 0 } = response;
        request.emit('verdict', statusCode >= 200 && statusCode < 400);
      });
      return request.end();
    });
  }
  if (tcpSocket !== undefined) {
    return settle(timeoutMs, signal, () => {
      const socket = connect({ host: tcpSocket.host ?? podIP, port: portOf(tcpSocket.port, container) });
      return socket.once('connect', () => {
        socket.emit('verdict', true);
        socket.end();
      });
    });
  }
  // Commands are not run here: a container without a probe that we know counts as well.
  return Promise.resolve(true);
}

/**
 * Waits for the event `verdict`; an error, an abort or too long a silence is a no. What was asked ends by itself after an
 * answer, and no error is made of it: that would be a stack trace for each probe of each container.
 */
function settle(
  timeoutMs: number,
  signal: AbortSignal | undefined,
  start: () => ClientRequest | Socket,
): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = start();
    const giveUp = (): void => void asked.destroy();
    const timer = setTimeout(giveUp, timeoutMs);
    signal?.addEventListener('abort', giveUp);
    asked.on('verdict', resolve);
    asked.on('error', () => resolve(false));
    asked.on('close', () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', giveUp);
      resolve(false);
    });
  });
}

function portOf(port: number | string, container: ContainerSpec): number {
  if (typeof port === 'number') return port;
  return container.ports?.find(({ name }) => name === port)?.containerPort ?? Number(port);
}

/** Sleeps, but not beyond the signal; never rejects. */
export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (milliseconds > 0) await sleep(milliseconds, undefined, { signal }).catch(() => {});
}
