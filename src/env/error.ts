/** Something about .env files that a person can put right. The message names the file, the line and the name, never a value. */
export class EnvError extends Error {}
