/** What a person may have meant where a resource is not there. */
import type { KubeClient } from '../../kube/client.ts';
import { isKubeError } from '../../kube/errors.ts';
import { JWT_KEY_ROTATIONS } from '../api/names.ts';
import { MissingError } from './errors.ts';

/** Names that are shown at most. */
const SHOWN = 5;

export interface Place {
  readonly client: KubeClient;
  readonly namespace: string;
}

/**
 * @param name undefined for all
 * @throws MissingError in place of a KubeError NotFound: what there is instead, as far as the caller may look
 */
export async function orMissing<T>(place: Place, name: string | undefined, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!isKubeError(error, 'NotFound') || error.resource !== JWT_KEY_ROTATIONS.plural) throw error;
    if (name === undefined) throw notInstalled();
    throw (await missingText(place, name)) ?? error;
  }
}

/** The API server knows the type as soon as the CRD is there, and then an empty list is no error. */
function notInstalled(): MissingError {
  return new MissingError(
    'rekey is not installed in this cluster: it has no resource type jwtkeyrotations.rekey.dev. To install it: kubectl apply -k deploy/base',
  );
}

async function missingText({ client, namespace }: Place, name: string): Promise<MissingError | undefined> {
  try {
    const { items } = await client.list(JWT_KEY_ROTATIONS, { namespace });
    const names = items.slice(0, SHOWN).map(({ metadata }) => metadata.name);
    const more = items.length > SHOWN ? ` and ${items.length - SHOWN} more` : '';
    const rest =
      names.length === 0
        ? 'there is none in it: check -n'
        : `there ${names.length === 1 ? 'is' : 'are'} ${names.join(', ')}${more}`;
    return new MissingError(`no JwtKeyRotation ${name} in namespace ${namespace}; ${rest}`);
  } catch (error) {
    if (isKubeError(error, 'NotFound')) return notInstalled();
    if (isKubeError(error)) return undefined;
    throw error;
  }
}
