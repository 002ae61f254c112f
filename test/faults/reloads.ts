/**
 * Mounted files: what a container holds changes while it lives. It is asked again and again, and from each change on it is
 * taken for another life.
 *
 * A life ends with the last answer that was the old one, and the next begins with the first that was the new one: in
 * between nobody knows, so no oracle judges it. That of a container which ends does so with its last answer, too.
 */
import type { Life } from './life.ts';

/** What a container said to one round of questions. */
export interface Said {
  readonly accepts: ReadonlySet<string>;
  readonly refuses: ReadonlySet<string>;
  readonly signs: string | undefined;
}

export interface Interview {
  /** Undefined while the container cannot be asked. */
  readonly ask: () => Promise<Said | undefined>;
  /** The newest version of the Secret, by which lives are ordered. */
  readonly version: () => bigint;
  readonly isOver: () => boolean;
  /** Between two rounds of questions. */
  readonly pause: () => Promise<unknown>;
  /** Ends a life and begins the next one of the same container. */
  readonly reloaded: (life: Life, end: Moment, from: bigint) => Life;
}

export interface Moment {
  readonly version: bigint;
  readonly at: number;
}

/** Resolves when the container has ended. */
export async function followFiles(first: Life, { ask, version, isOver, pause, reloaded }: Interview): Promise<void> {
  let life = first;
  let last: Moment = { version: first.from, at: first.startedAt };
  let doubt: Said | undefined;
  while (life.until === undefined && !isOver()) {
    await pause();
    const now = { version: version(), at: Date.now() };
    const said = await ask();
    if (said === undefined || life.until !== undefined) continue;
    if (agrees(life, said)) {
      add(life, said);
      last = now;
      doubt = undefined;
    } else if (doubt !== undefined && agrees(doubt, said)) {
      life = reloaded(life, last, version());
      add(life, said);
      last = { version: life.from, at: life.startedAt };
      doubt = undefined;
    } else {
      // one round may have been in the middle of a reload
      doubt = said;
    }
  }
  if (life.until !== undefined && last.version < life.until) {
    life.until = last.version;
    life.endedAt = last.at;
  }
}

function agrees(known: Said, said: Said): boolean {
  const differs = known.signs !== undefined && said.signs !== undefined && known.signs !== said.signs;
  return !differs && isApart(known.accepts, said.refuses) && isApart(known.refuses, said.accepts);
}

function isApart(one: ReadonlySet<string>, other: ReadonlySet<string>): boolean {
  return [...one].every((key) => !other.has(key));
}

function add(life: Life, { accepts, refuses, signs }: Said): void {
  for (const key of accepts) life.accepts.add(key);
  for (const key of refuses) life.refuses.add(key);
  life.signs ??= signs;
}
