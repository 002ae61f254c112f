/** A problem with .env files that a person can fix. The message names the file, the line and the name, never a value. */
export class EnvError extends Error {}

/** Files of services cannot be used. */
export class FilesUnusable extends EnvError {
  /** The services, by name. */
  readonly services: readonly string[];

  constructor(message: string, services: readonly string[]) {
    super(message);
    this.services = services;
  }
}

/** What rekey remembers of an environment cannot be used. An emergency goes on without it. */
export class StateUnusable extends EnvError {
  /** What is wrong, without what to do. */
  readonly why: string;

  constructor(why: string, whatToDo: string) {
    super(`${why}${whatToDo}`);
    this.why = why;
  }
}
