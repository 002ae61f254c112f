import { REQUEST } from '../../../src/rotation/api/names.ts';
import { type RotationState, waitFor } from './rotation.ts';
import type { Scene } from './scene.ts';

type Place = Pick<Scene, 'api' | 'namespace' | 'name'>;

/**
 * @param text `nonce: reason`
 * @returns when it was asked for, milliseconds since the epoch
 */
export async function declareEmergency({ api, namespace, name }: Place, text: string): Promise<number> {
  const annotations = { [REQUEST.emergency]: text };
  await api.patch({ kind: 'JwtKeyRotation', namespace, name }, { metadata: { annotations } });
  return Date.now();
}

/** Waits until no pod accepts a burnt key any more, and the status says so. */
export function waitUntilGone({ api, namespace, name }: Place, nonce: string): Promise<RotationState> {
  return waitFor(api, namespace, name, `emergency ${nonce} is over`, ({ keyset, resource }) => {
    const { emergency } = resource.status ?? {};
    const isTold = emergency?.nonce === nonce && emergency.keyGoneAt !== undefined;
    return isTold && keyset?.emergency?.nonce === nonce && keyset.emergency.goneAt !== undefined;
  });
}
