/** A problem with .env files that a person can fix. The message names the file, the line and the name, never a value. */
export class EnvError extends Error {}
