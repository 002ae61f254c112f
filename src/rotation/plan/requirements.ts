/**
 * What the live pods of each target must hold before the rotation leaves its phase.
 */

import type { TargetFacts } from '../facts.ts';
import { currentShape, type Keyset, type Kid, type Role, type Shape } from '../keyset/keyset.ts';
import type { Requirement } from './converge.ts';

/** @returns the requirements of the keyset's phase, without targets of which nothing is required */
export function requirementsOf(targets: readonly TargetFacts[], keyset: Keyset): readonly Requirement[] {
  const { sign } = currentShape(keyset);
  const accepts = (shape: Shape) => shape.verify.includes(sign);
  const signs = (shape: Shape) => shape.sign === sign;
  switch (keyset.phase) {
    case 'Burning':
    case 'Switching':
      return targets.map((target) => resting(target, (shape) => shape.version === keyset.version));
    case 'Steady':
      return verifiers(targets).map((target) => resting(target, accepts));
    case 'Staging':
    case 'Aborting':
      return verifiers(targets).map((target) => exactly(target, keyset.version));
    case 'Promoting':
      return [
        ...signers(targets).map((target) => exactly(target, keyset.version)),
        ...only('Verifier', targets).map((target) => resting(target, accepts)),
      ];
    case 'Draining':
      return [
        ...signers(targets).map((target) => resting(target, signs)),
        ...only('Verifier', targets).map((target) => resting(target, accepts)),
      ];
    case 'Retiring':
      return [
        ...verifiers(targets).map((target) => exactly(target, keyset.version)),
        ...only('Signer', targets).map((target) => resting(target, signs)),
      ];
  }
}

/** What verifiers must hold before a key that the previous rotation staged may sign: retire restarted them for it. */
export function prestaged(targets: readonly TargetFacts[], kid: Kid): readonly Requirement[] {
  const holds = (shape: Shape) => shape.verify.includes(kid);
  return verifiers(targets).map((target) => ({ target, holds, restart: target.settings.source === 'Env' }));
}

/** @returns the targets that verify tokens */
export function verifiers(targets: readonly TargetFacts[]): readonly TargetFacts[] {
  return withRole('Verifier', targets);
}

/** @returns the targets that sign tokens */
export function signers(targets: readonly TargetFacts[]): readonly TargetFacts[] {
  return withRole('Signer', targets);
}

function withRole(role: Role, targets: readonly TargetFacts[]): readonly TargetFacts[] {
  return targets.filter((target) => target.settings.roles.includes(role));
}

function only(role: Role, targets: readonly TargetFacts[]): readonly TargetFacts[] {
  return withRole(role, targets).filter((target) => target.settings.roles.length === 1);
}

/** Mounted files follow the Secret without a restart. */
function exactly(target: TargetFacts, version: number): Requirement {
  return { target, holds: (shape) => shape.version === version, restart: target.settings.source === 'Env' };
}

function resting(target: TargetFacts, holds: (shape: Shape) => boolean): Requirement {
  return { target, holds, restart: false };
}
