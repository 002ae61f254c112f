/**
 * Whether the containers of each target take the keys from the Secret: a variable that is set elsewhere keeps the old key
 * through every restart, and a target that never sees the fallbacks never sees a staged key.
 */

import type { Surroundings, TargetFacts } from '../../facts.ts';
import type { Policy } from '../../finding.ts';
import { besideNames } from '../../settings.ts';
import type { Shadow } from '../../workloads/consumption.ts';
import { mayCutOver } from '../cutover.ts';
import { field, label } from './targets.ts';

type SurroundingsPolicy = Policy<Surroundings>;

/** Whoever is cut over needs no fallbacks, and whoever only signs looks at none. */
function needsFallbacks(facts: Surroundings, { settings }: TargetFacts): boolean {
  return settings.roles.includes('Verifier') && !mayCutOver(facts);
}

/** Mounted files are what they are: whoever reads those does not look at variables. */
function firstShadow(facts: Surroundings, isMeant: (shadow: Shadow) => boolean) {
  for (const target of facts.targets) {
    if (target.settings.source === 'File') continue;
    // a JWK set has the signing key too
    const { fallbacksName, previousName } = facts.settings;
    const matters = ({ key }: Shadow) => ![fallbacksName, previousName].includes(key) || needsFallbacks(facts, target);
    const shadow = target.workload?.consumption.shadows.find((found) => isMeant(found) && matters(found));
    if (shadow === undefined) continue;
    return { shadow, where: `${field(facts, target)}: container ${shadow.container} of ${label(target)}` };
  }
  return undefined;
}

export const literalInManifest: SurroundingsPolicy = (facts) => {
  const found = firstShadow(facts, ({ by }) => by === undefined);
  if (found === undefined) return undefined;
  const { shadow, where } = found;
  return {
    reason: 'LiteralInManifest',
    message: `${where} has a value for the variable ${shadow.variable} in its manifest, which beats data key ${shadow.key} of Secret ${facts.settings.secretName}; remove it (if it is a key, it can be read by whoever reads the manifest)`,
  };
};

export const shadowedBy: SurroundingsPolicy = (facts) => {
  const found = firstShadow(facts, ({ by }) => by !== undefined);
  if (found === undefined) return undefined;
  const { shadow, where } = found;
  return {
    reason: 'ShadowedBy',
    message: `${where} takes the variable ${shadow.variable} from ${shadow.by}, which beats data key ${shadow.key} of Secret ${facts.settings.secretName}; let only one of the two give it`,
  };
};

export const notConsumed: SurroundingsPolicy = (facts) => {
  const { signingNames, jwksName, secretName } = facts.settings;
  const beside = besideNames(facts.settings);
  for (const target of facts.targets) {
    const takes = target.workload?.consumption.takes;
    if (takes === undefined) continue;
    const where = `${field(facts, target)}: no container of ${label(target)} takes`;
    if (![...signingNames, jwksName].some((name) => takes.includes(name))) {
      const message = `${where} data key ${signingNames.join(' or ')} from Secret ${secretName}; let one take it, or put spec.secretKeys.signing right`;
      return { reason: 'NotConsumed', message };
    }
    if (!beside.some((name) => takes.includes(name)) && needsFallbacks(facts, target)) {
      const message = `${where} data key ${beside.join(' or ')} from Secret ${secretName}, so it would never accept a new key before that signs; let it verify with these keys too, or allow a cutover (spec.allowCutover)`;
      return { reason: 'NotConsumed', message };
    }
  }
  return undefined;
};
