/**
 * The services of a lane and the spec that fits them: not every way to rotate can be tried with the same ones.
 */
import type { ServiceOptions } from '../support/scenario/services.ts';
import type { Workload } from './plan.ts';

/** `single` holds one key only, `files` reads mounted files, `env` is how most services are. */
export type Fleet = 'env' | 'single' | 'files';

/** The longest life of a token, seconds. Old keys drain in just that: no slack hides an early retirement. */
export const TOKEN_TTL_SECONDS = 3;

export const ALWAYS_OPEN = { kind: 'Allow', schedule: '* * * * *', duration: '1h' };

/** What its services are besides. Mounted files need the service that the scenario can mount them for. */
export const SERVICES_OF: Readonly<Record<Fleet, ServiceOptions>> = {
  env: {},
  single: { env: { KEY_MODE: 'single' } },
  files: { mounted: true, language: 'node' },
};

const TARGETS = [
  { kind: 'Deployment', name: 'main', roles: ['Signer', 'Verifier'], canary: { path: '/auth/verify', port: 8000 } },
  { kind: 'Deployment', name: 'admin', roles: ['Verifier'], canary: { path: '/auth/verify', port: 8002 } },
];
/** That of most lanes; others add to it. */
export const SPEC = {
  maxTokenTTL: `${TOKEN_TTL_SECONDS}s`,
  clockSkew: '0s',
  retire: { slack: '0s' },
  targets: TARGETS,
};

export const SPECS_OF: Readonly<Record<Fleet, Readonly<Record<string, unknown>>>> = {
  env: SPEC,
  single: { ...SPEC, strategy: 'Cutover', allowCutover: true, maintenanceWindows: [ALWAYS_OPEN] },
  files: { ...SPEC, targets: TARGETS.map((target) => ({ ...target, source: 'File' })) },
};

/** The workload by which the services of a fleet are brought to rest first. */
export const FIRST: Readonly<Record<Fleet, Workload>> = { env: 'rotate', single: 'cutover', files: 'files' };

export function fleetOf(workload: Workload): Fleet {
  if (workload === 'cutover') return 'single';
  return workload === 'files' ? 'files' : 'env';
}
