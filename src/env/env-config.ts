/**
 * The configuration of services that share a key, as all commands see it.
 */
import type { WrittenForm } from '../rotation/settings/canary-settings.ts';
import { defaultSlackMs } from '../rotation/settings/drain.ts';

export interface EnvConfig {
  /** Absolute folder of rekey.yaml. */
  readonly root: string;
  /** False if there is no rekey.yaml, and everything was found or guessed. */
  readonly found: boolean;
  readonly periodMs: number;
  readonly maxTokenTtlMs: number;
  readonly clockSkewMs: number;
  readonly slackMs?: number;
  readonly keyBytes: number;
  readonly algorithm: Algorithm;
  readonly fallbacksName: string;
  /** Empty if there is no service. */
  readonly sourceOfTruth: string;
  readonly canaryClaims: {
    readonly issuer?: string;
    readonly audience?: string;
    readonly claims: Readonly<Record<string, unknown>>;
  };
  readonly services: readonly EnvService[];
}

export const ALGORITHMS = ['HS256', 'HS384', 'HS512'] as const;
export type Algorithm = (typeof ALGORITHMS)[number];
/** RFC 7518 section 3.2, as random bytes. */
export const MIN_KEY_BYTES_OF: Readonly<Record<Algorithm, number>> = { HS256: 32, HS384: 48, HS512: 64 };
export const ROLES = ['Signer', 'Verifier'] as const;

export interface EnvService {
  readonly name: string;
  readonly names: readonly string[];
  /** Environment → path from the root, with slashes. */
  readonly files: Readonly<Record<string, string>>;
  readonly roles: readonly (typeof ROLES)[number][];
  /** Undefined: unknown. */
  readonly readsFallbacks?: boolean;
  /** Environment → command. */
  readonly reload: Readonly<Record<string, string>>;
  /** Environment → URL. */
  readonly canary: Readonly<Record<string, string>>;
  /** The request, if it is not a GET with a bearer token. */
  readonly canaryRequest: WrittenForm;
}

export const CONFIG_FILE = 'rekey.yaml';
/** Defaults of a configuration. */
export const DEFAULTS = {
  period: '90d',
  clockSkew: '60s',
  fallbacks: 'JWT_SECRET_KEY_FALLBACKS',
  keyBytes: 32,
} as const;
/** Assumed life of tokens if the configuration has none. */
export const GUESSED_TTL = '24h';

/** @returns the names of all environments, well-known ones first in their usual order */
export function environmentsOf({ services }: EnvConfig): readonly string[] {
  const usual = ['development', 'test', 'staging', 'production'];
  const rank = (name: string) => (usual.indexOf(name) + usual.length + 1) % (usual.length + 1);
  const all = [...new Set(services.flatMap(({ files }) => Object.keys(files)))];
  return all.sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

/** @returns how long an old key is accepted after the last service that could sign with it was restarted, milliseconds */
export function drainMsOf({ maxTokenTtlMs, clockSkewMs, slackMs }: EnvConfig): number {
  return maxTokenTtlMs + clockSkewMs + (slackMs ?? defaultSlackMs({ maxTokenTtlMs, clockSkewMs }));
}
