/** Finds keys in a file that some environment has burnt, by their fingerprints. */
import type { EnvConfig } from './env-config.ts';
import { type KeyPlace, placesIn, type Wanted, wantedFingerprints } from './key-places.ts';
import { keyVariables } from './reload.ts';
import type { RememberedKeys } from './state-keys.ts';

/** A line with a burnt key. */
export interface BurntFact extends KeyPlace {
  /** The environments whose emergencies burnt it. */
  readonly burntIn: readonly string[];
}

export interface BurntFacts {
  readonly burnt: readonly BurntFact[];
  /** Whether the search stopped at its limit. */
  readonly burntUnknown: boolean;
}

/** @returns the lines of a file with keys that some environment has burnt */
export function burntIn(bytes: Buffer, config: EnvConfig, states: readonly RememberedKeys[]): BurntFacts {
  const found = states.map(({ environment, keys }) => {
    const wanted = wantedBurnt(config, keys);
    const places = wanted === undefined ? [] : placesIn(bytes, wanted);
    return { environment, places, exhausted: wanted?.exhausted === true };
  });
  const all = found.flatMap(({ environment, places }) => places.map((place) => ({ place, environment })));
  const burnt = [...Map.groupBy(all, ({ place }) => place.line).values()].flatMap((group): readonly BurntFact[] => {
    const [first] = group.toSorted((one, other) => Number(one.place.isLikely) - Number(other.place.isLikely));
    return first === undefined ? [] : [{ ...first.place, burntIn: group.map(({ environment }) => environment) }];
  });
  return { burnt, burntUnknown: found.some(({ exhausted }) => exhausted) };
}

/** @returns undefined if none of the keys is burnt */
function wantedBurnt(config: EnvConfig, keys: RememberedKeys['keys']): Wanted | undefined {
  const burnt = keys.filter(({ isBurnt }) => isBurnt).map(({ fingerprint }) => fingerprint);
  return burnt.length === 0 ? undefined : wantedFingerprints([...new Set(burnt)], keyVariables(config));
}
