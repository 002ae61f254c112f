/**
 * Checks that the containers of each target take the keys from the Secret. A variable that is set elsewhere keeps the
 * old key through every restart, and a target that does not get the fallbacks never gets a staged key.
 */

import type { Surroundings, TargetFacts } from '../../facts.ts';
import { layoutsOf } from '../../settings/layouts.ts';
import { besideNames } from '../../settings/settings.ts';
import type { Shadow } from '../../workloads/consumption.ts';
import { mayCutOver } from '../cutover.ts';
import { field, label, type SurroundingsPolicy } from './targets.ts';

/** A cutover needs no fallbacks, and a target that only signs reads none. */
function needsFallbacks(facts: Surroundings, { settings }: TargetFacts): boolean {
  return settings.roles.includes('Verifier') && !mayCutOver(facts);
}

/** A target that reads mounted files does not read variables. */
function shadowsIn(facts: Surroundings, isMeant: (shadow: Shadow) => boolean) {
  // of these, the signing key is not one
  const fallbacks = layoutsOf(facts.settings).flatMap(({ content, names }) => (content === 'Fallbacks' ? names : []));
  return facts.targets
    .filter(({ settings }) => settings.source !== 'File')
    .flatMap((target) => {
      const matters = ({ key }: Shadow) => !fallbacks.includes(key) || needsFallbacks(facts, target);
      const found = (target.workload?.consumption.shadows ?? []).filter((shadow) => isMeant(shadow) && matters(shadow));
      return found.map((shadow) => {
        return { shadow, where: `${field(facts, target)}: container ${shadow.container} of ${label(target)}` };
      });
    });
}

export const literalInManifest: SurroundingsPolicy = (facts) =>
  shadowsIn(facts, ({ by }) => by === undefined).map(({ shadow, where }) => ({
    reason: 'LiteralInManifest',
    message: `${where} sets the variable ${shadow.variable} in its manifest, which overrides data key ${shadow.key} of Secret ${facts.settings.secretName}; remove it (if it is a key, anyone who reads the manifest can read it)`,
  }));

export const shadowedBy: SurroundingsPolicy = (facts) =>
  shadowsIn(facts, ({ by }) => by !== undefined).map(({ shadow, where }) => ({
    reason: 'ShadowedBy',
    message: `${where} takes the variable ${shadow.variable} from ${shadow.by}, which overrides data key ${shadow.key} of Secret ${facts.settings.secretName}; let only one of them provide it`,
  }));

export const notConsumed: SurroundingsPolicy = (facts) =>
  facts.targets.flatMap((target) => {
    const why = whyNotConsumed(facts, target);
    if (why === undefined) return [];
    return [
      { reason: 'NotConsumed', message: `${field(facts, target)}: no container of ${label(target)} takes ${why}` },
    ];
  });

function whyNotConsumed(facts: Surroundings, target: TargetFacts): string | undefined {
  const { signingNames, secretName } = facts.settings;
  const all = layoutsOf(facts.settings).flatMap(({ content, names }) => (content === 'All' ? names : []));
  const beside = besideNames(facts.settings);
  // if it does not read the Secret at all, another check reports that
  const takes = target.workload?.consumes === false ? undefined : target.workload?.consumption.takes;
  if (takes === undefined) return undefined;
  if (![...signingNames, ...all].some((name) => takes.includes(name))) {
    return `data key ${signingNames.join(' or ')} from Secret ${secretName}; make one take it, or correct spec.secretKeys.signing`;
  }
  if (beside.some((name) => takes.includes(name)) || !needsFallbacks(facts, target)) return undefined;
  return `data key ${beside.join(' or ')} from Secret ${secretName}, so it would never accept a new key before that key signs; make it verify with these keys too, or allow a cutover (spec.allowCutover)`;
}
