/**
 * Durations and times, as people write and read them.
 */

const MILLISECONDS = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000 } as const;
const PART = /([0-9]+)([dhms])/g;

/**
 * @param text such as `90d`, `1h30m`; the CRD has checked the form
 * @returns milliseconds; undefined if the text is not a duration
 */
export function parseDuration(text: string): number | undefined {
  if (!/^([0-9]{1,6}[dhms])+$/.test(text)) return undefined;
  let total = 0;
  for (const [, count, unit] of text.matchAll(PART))
    total += Number(count) * MILLISECONDS[unit as keyof typeof MILLISECONDS];
  return total;
}

/** @returns a duration for people, in the two (or as many) largest units that matter, such as `1d 2h` or `45s` */
export function formatDuration(ms: number, units = 2): string {
  let rest = Math.max(0, Math.ceil(ms / 1000)) * 1000;
  const parts: string[] = [];
  for (const [unit, size] of Object.entries(MILLISECONDS)) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) parts.push(`${count}${unit}`);
  }
  return parts.slice(0, units).join(' ') || '0s';
}

/** @returns a time as people and other programs read it (RFC 3339, UTC), from milliseconds since the epoch */
export function iso(ms: number): string {
  return new Date(ms).toISOString();
}
