/**
 * A mutant: one mistake that people make, and the oracle that must see it.
 */
import { EFFECT_MISTAKES } from './mutants-effect.ts';
import { EMERGENCY_MISTAKES } from './mutants-emergency.ts';
import { EVIDENCE_MISTAKES } from './mutants-evidence.ts';
import { REFUSED_MISTAKES } from './mutants-refused.ts';
import { RULE } from './mutants-rule.ts';
import { WAY_MISTAKES } from './mutants-ways.ts';
import type { Patch } from './patches.ts';

/** How it is looked for. Only the oracles that are named count: an earlier one would hide them. */
export type Check =
  | { readonly by: 'explore'; readonly config: string; readonly oracles: readonly string[] }
  | { readonly by: 'property'; readonly property: string; readonly oracles: readonly string[] }
  | { readonly by: 'effect'; readonly effect: string; readonly oracles: readonly string[] }
  | { readonly by: 'table'; readonly row: string; readonly oracles: readonly string[] };

export interface Mutant {
  readonly name: string;
  readonly patches: readonly Patch[];
  readonly check: Check;
}

export const MUTANTS: readonly Mutant[] = [
  ...RULE,
  ...EVIDENCE_MISTAKES,
  ...EMERGENCY_MISTAKES,
  ...WAY_MISTAKES,
  ...REFUSED_MISTAKES,
  ...EFFECT_MISTAKES,
];

export function mutantOf(name: string): Mutant {
  const mutant = MUTANTS.find((one) => one.name === name);
  if (mutant === undefined) throw new Error(`there is no mutant ${name}`);
  return mutant;
}

/** Of the config, property, effect or row. */
export function nameOf(check: Check): string {
  switch (check.by) {
    case 'explore':
      return check.config;
    case 'property':
      return check.property;
    case 'effect':
      return check.effect;
    case 'table':
      return check.row;
  }
}
