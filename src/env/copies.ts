/** Finds copies of keys in the files of all environments of a configuration. */
import type { EnvConfig } from './env-config.ts';
import { type KeyPlace, placesIn, type Wanted } from './key-places.ts';
import { forget, readFiles } from './observe.ts';

/** A line of a configured file that holds one of the keys. */
export interface KeyCopy extends KeyPlace {
  readonly environment: string;
  readonly service: string;
  /** From the root, with slashes. */
  readonly path: string;
  /** Whether the service takes its keys from there. */
  readonly isInUse: boolean;
}

export interface Copies {
  readonly copies: readonly KeyCopy[];
  /** Files about which nothing is known, and why, a sentence each. */
  readonly unknown: readonly string[];
}

/**
 * Reads the files as they are now.
 *
 * @param of the keys to find, made anew for each file, since its limit is that of one file
 */
export async function copiesOf(config: EnvConfig, of: () => Wanted): Promise<Copies> {
  const files = await readFiles(config);
  const copies: KeyCopy[] = [];
  const unknown: string[] = [];
  try {
    for (const { environment, service, names, path, reading } of files) {
      if (reading.kind === 'Missing') continue;
      if (reading.kind === 'Unreadable') {
        unknown.push(`${path}: ${reading.why}`);
        continue;
      }
      const wanted = of();
      const inUse = [...names, config.fallbacksName];
      for (const place of placesIn(reading.bytes, wanted)) {
        const isInUse = place.isAssigned && inUse.includes(place.name ?? '');
        copies.push({ ...place, environment, service, path, isInUse });
      }
      if (wanted.exhausted) unknown.push(`${path}: it is too long to be searched to its end`);
    }
  } finally {
    forget(files);
  }
  return { copies, unknown };
}
