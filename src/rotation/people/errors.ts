/**
 * Errors whose message helps people. Loads no client: the commands that need no cluster use it too.
 */
import { ImpersonationError, KubeConfigError } from '../../kube/config-error.ts';
import { isKubeError } from '../../kube/errors.ts';

/** What was followed is not there any more. */
export class GoneError extends Error {}

/** There is no such resource; the message says what there is. */
export class MissingError extends Error {}

/** @returns whether the message of an error says what people can do something about */
export function isForPeople(error: unknown): error is Error {
  const isOurs = error instanceof GoneError || error instanceof MissingError;
  return isOurs || isKubeError(error) || error instanceof KubeConfigError;
}

/** @returns whether it says what is wrong with a kubeconfig */
export function isOfKubeconfig(error: Error): boolean {
  return error instanceof KubeConfigError;
}

/** @returns whether whoever calls lacks the right */
export function isForbidden(error: unknown): error is Error {
  return isKubeError(error, 'Forbidden');
}

/** @returns whether the flags of the command line are wrong */
export function isOfFlags(error: Error): boolean {
  return error instanceof ImpersonationError;
}

/** @returns whether a write that failed may have been made all the same */
export function mayBeDone(error: unknown): boolean {
  return isKubeError(error) && error.maybeApplied;
}

/** @returns whether what was to be read is not there */
export function isMissing(error: unknown): boolean {
  return isKubeError(error, 'NotFound');
}
