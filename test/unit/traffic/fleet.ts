import type { PodEndpoint } from '../../support/traffic/endpoints.ts';
import { SERVICES, type ServiceProcess, startService } from '../../support/traffic/service-process.ts';

/** Text of a key; the tests name keys by one letter. */
export const keyOf = (letter: string): string => letter.repeat(64);

/** The Secret of one step: the signing key first, then the fallbacks, one letter each. */
export function secretOf(letters: string): Record<string, string> {
  const [sign = '', ...fallbacks] = [...letters];
  return {
    JWT_SECRET_KEY: keyOf(sign),
    JWT_SECRET_KEY_FALLBACKS: fallbacks.map(keyOf).join(','),
    JWT_KEY_ID: `k-${sign}`,
  };
}

interface FleetPod {
  endpoint: PodEndpoint;
  readonly process: ServiceProcess;
}

const COMMON = {
  JWT_ISSUER: 'remotehive',
  JWT_AUDIENCE: 'remotehive',
  // Without tolerance, so that a mistake in the traffic's sense of "valid" would be seen.
  JWT_LEEWAY_SECONDS: '0',
  PRESTOP_SECONDS: '0.3',
};

/**
 * Three services of real processes, restarted by hand as a Deployment would: a new pod first, then the old one leaves
 * (Terminating, still answering for a while). `main` signs; `admin` is the Python one.
 */
export class Fleet implements AsyncDisposable {
  readonly #pods: FleetPod[] = [];
  readonly #replicas: Readonly<Record<string, number>>;
  readonly #env: Readonly<Record<string, string>>;
  #count = 0;
  #disposed = false;

  /** @param env further settings of every pod */
  constructor(
    env: Readonly<Record<string, string>>,
    replicas: Readonly<Record<string, number>> = { main: 2, autoscraper: 1, admin: 1 },
  ) {
    this.#env = env;
    this.#replicas = replicas;
  }

  readonly endpoints = (): readonly PodEndpoint[] => this.#pods.map(({ endpoint }) => endpoint);

  async start(secret: Readonly<Record<string, string>>): Promise<void> {
    const names = Object.entries(this.#replicas).flatMap(([service, n]) => Array.from({ length: n }, () => service));
    await Promise.all(names.map((service) => this.#add(service, secret)));
  }

  /** Replaces pods one after another within a service, all services side by side; ends when the last old one is gone. */
  async restart(secret: Readonly<Record<string, string>>, services = Object.keys(this.#replicas)): Promise<void> {
    await Promise.all(
      services.map(async (service) => {
        for (const old of this.#pods.filter(({ endpoint }) => endpoint.service === service)) {
          await this.#add(service, secret);
          old.endpoint = { ...old.endpoint, ready: false, terminating: true };
          await old.process.stop();
          this.#pods.splice(this.#pods.indexOf(old), 1);
        }
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    await Promise.all(this.#pods.map(({ process }) => process.kill()));
  }

  async #add(service: string, secret: Readonly<Record<string, string>>): Promise<void> {
    const role = service === 'main' ? 'both' : 'verifier';
    const command = service === 'admin' ? SERVICES.python : SERVICES.node;
    const process = await startService(command, {
      ...COMMON,
      ...this.#env,
      ...secret,
      SERVICE_NAME: service,
      ROLE: role,
    });
    // A test that failed in mid-restart has left already.
    if (this.#disposed) return process.kill();
    const pod = `${service}-${++this.#count}`;
    const endpoint = { service, pod, uid: pod, url: process.url, ready: true, terminating: false };
    this.#pods.push({ endpoint, process });
  }
}
