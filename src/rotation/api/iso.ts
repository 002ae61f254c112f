/** @returns a time as people and other programs read it (RFC 3339, UTC), from milliseconds since the epoch */
export function iso(ms: number): string {
  return new Date(ms).toISOString();
}
