/**
 * Verifiers without a canary. Whether such a service verifies with one key only shows nowhere, so no rotation stops
 * before it refuses tokens.
 */

import { USUAL_ROLES } from '../settings/settings.ts';

interface Target {
  readonly kind: string;
  readonly name: string;
  readonly roles?: readonly string[];
  readonly canary?: unknown;
}

/** What a person can do about it. */
export const DECLARE = 'declare a canary (docs/services/canary.md)';

/** @returns the verifiers that can be asked */
export function askedVerifiers<T extends Target>(targets: readonly T[]): readonly T[] {
  return targets.filter((target) => has('Verifier', target) && target.canary !== undefined);
}

/** @returns which verifiers cannot be asked, and what happens if one knows one key only; undefined if all can be */
export function unaskedText(targets: readonly Target[]): string | undefined {
  const unasked = targets.filter((target) => has('Verifier', target) && target.canary === undefined);
  // it restarts when the new key begins to sign, and has that one alone from then on
  const signing = unasked.filter((target) => has('Signer', target));
  const others = unasked.filter((target) => !has('Signer', target));
  const texts = [
    ...sentence(others, 'every new token from Promoting to Retiring'),
    ...sentence(signing, 'every token signed before, from Promoting on'),
  ];
  return texts.length === 0 ? undefined : texts.join('. ');
}

function has(role: 'Signer' | 'Verifier', { roles = USUAL_ROLES }: Target): boolean {
  return roles.includes(role);
}

function sentence(targets: readonly Target[], refused: string): readonly string[] {
  if (targets.length === 0) return [];
  const names = targets.map(({ kind, name }) => `${kind}/${name}`).join(', ');
  if (targets.length === 1) return [`${names} has no canary. If it verifies with one key, it refuses ${refused}`];
  return [`${names} have no canary. One of them that verifies with one key refuses ${refused}`];
}
