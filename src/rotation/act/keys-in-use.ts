/** The keys that the services of a resource should have now, for checks that a person requests. */
import type { KubeClient } from '../../kube/client.ts';
import type { ServiceKeys } from '../conformance/tokens.ts';
import { currentShape, type Keyset } from '../keyset/keyset.ts';
import { getSecret } from '../observe/world.ts';
import { foundMaterials } from '../secret/adoption.ts';
import { destroyAll, newKid } from '../secret/keys.ts';
import { materialsOf, readSecret } from '../secret/secret.ts';
import type { Settings } from '../settings/settings.ts';

/** The keys, or why they are unknown, for people. */
export type KeysInUse =
  | (ServiceKeys & { /** Undefined before the Secret is managed. */ readonly keyset?: Keyset })
  | { readonly why: string };

/**
 * Works for a Secret that is not managed yet, too, since a service must be ready before that. The caller overwrites the
 * keys.
 */
export async function keysInUse(client: KubeClient, namespace: string, settings: Settings): Promise<KeysInUse> {
  const secret = await getSecret(client, namespace, settings.secretName);
  const reading = readSecret(secret, settings);
  if (secret === undefined || reading.kind === 'Absent') return { why: `Secret ${settings.secretName} does not exist` };
  if (reading.kind === 'Refused') return { why: reading.finding.message };
  if (reading.kind === 'Unmanaged') {
    const [material, ...others] = foundMaterials(secret, settings);
    if (material === undefined) return { why: `Secret ${settings.secretName} has no key` };
    const fallbacks = others.map((other) => ({ kid: newKid(), material: other }));
    return { signing: { kid: reading.kid ?? newKid(), material }, fallbacks };
  }
  const { sign, verify } = currentShape(reading.keyset);
  const materials = materialsOf(secret, reading.keyset, settings);
  destroyAll([...materials].filter(([kid]) => !verify.includes(kid)).map(([, material]) => material));
  const material = materials.get(sign);
  const accepted = verify.filter((kid) => kid !== sign).flatMap((kid) => ({ kid, material: materials.get(kid) }));
  const fallbacks = accepted.flatMap(({ kid, material: key }) => (key === undefined ? [] : [{ kid, material: key }]));
  if (material !== undefined) return { signing: { kid: sign, material }, fallbacks, keyset: reading.keyset };
  destroyAll(fallbacks.map((fallback) => fallback.material));
  return { why: `key ${sign} is not in Secret ${settings.secretName}` };
}

/** Overwrites the bytes. */
export function destroyKeys(keys: KeysInUse): void {
  if ('why' in keys) return;
  destroyAll([keys.signing, ...keys.fallbacks].map(({ material }) => material));
}
