/**
 * What a restart counts for: for the keys that the file of the service had all the while.
 */

import type { Keyset } from '../rotation/keyset/keyset.ts';
import { differences, type EnvironmentFiles } from './environment.ts';
import type { ServiceFacts } from './step.ts';
import { remember } from './write.ts';

/** What is compared of a view. */
interface Seen {
  readonly environment: EnvironmentFiles;
  readonly facts: { readonly keyset: Keyset };
}

/**
 * Other lines of the files may change: a command may write the time of its build there.
 *
 * @param now the same environment, read later
 * @returns whether nobody has written other keys into the files of these services since
 */
export function hasSameKeys({ environment, facts }: Seen, now: EnvironmentFiles, services: readonly string[]): boolean {
  const { state } = now;
  if (state === undefined || state.keyset.version !== facts.keyset.version) return false;
  const different = differences(now, state.keyset).map(({ file }) => file.service.name);
  const restoredBefore = environment.state?.restored ?? {};
  return services.every(
    (name) => !different.includes(name) && (state.restored[name] ?? 0) === (restoredBefore[name] ?? 0),
  );
}

/**
 * Writes down which services were seen to accept a burnt key after their restart, and which were shown to refuse all of
 * them since: another run cannot see either.
 *
 * @returns whether that was news
 */
export async function noteRefuted(environment: EnvironmentFiles, services: readonly ServiceFacts[]): Promise<boolean> {
  const news = services.flatMap(({ name, refuted }) => {
    const reload = environment.state?.reloads[name];
    if (reload === undefined || (reload.refuted === true) === refuted) return [];
    const { refuted: _, ...rest } = reload;
    return [[name, refuted ? { ...rest, refuted } : rest] as const];
  });
  if (news.length === 0) return false;
  await remember(environment, Object.fromEntries(news));
  return true;
}
