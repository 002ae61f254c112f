/** A problem with .env files that a person can fix. The message names the file, the line and the name, never a value. */
export class EnvError extends Error {}

/** What rekey remembers of an environment cannot be used. An emergency goes on without it. */
export class StateUnusable extends EnvError {
  /** What is wrong, without what to do. */
  readonly why: string;

  constructor(why: string, whatToDo: string) {
    super(`${why}${whatToDo}`);
    this.why = why;
  }
}
