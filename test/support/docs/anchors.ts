/** The headings of a page, as links name them. */

const slug = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(' ', '-');

/** @returns what may stand after `#` in a link to this text */
export function anchorsOf(text: string): ReadonlySet<string> {
  const headings = text.replaceAll(/^```[\s\S]*?^```$/gm, '').matchAll(/^#+ (.+)$/gm);
  const named = text.matchAll(/<a id="([^"]+)">/g);
  return new Set([...[...headings].map(([, heading = '']) => slug(heading)), ...[...named].map(([, id = '']) => id)]);
}
