/** Gauges in the Prometheus text format: written as they are asked for, since a registry takes ten times as long. */

/** A value with the labels that it has beside those of its row. */
export type Sample = readonly [value: number, labels?: Readonly<Record<string, string>>];

/** All series of one name. */
export interface Family {
  readonly name: string;
  readonly help: string;
  /** `labels`: see {@link labelText}. */
  readonly rows: readonly { readonly labels: string; readonly samples: readonly Sample[] }[];
}

/** Rows between two pauses: about a millisecond. */
const ROWS_AT_ONCE = 50;

/**
 * @param pause awaited now and then
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export async function seriesText(families: readonly Family[], pause: () => Promise<void>): Promise<string> {
  const parts: string[] = [];
  for (const { name, help, rows } of families) {
    parts.push(`# HELP ${name} ${help}\n# TYPE ${name} gauge\n`);
    for (let i = 0; i < rows.length; i += ROWS_AT_ONCE) {
      const some = rows.slice(i, i + ROWS_AT_ONCE);
      parts.push(some.map((row) => row.samples.map((sample) => line(name, row.labels, sample)).join('')).join(''));
      if (i + ROWS_AT_ONCE < rows.length) await pause();
    }
  }
  return parts.join('');
}

/** @returns labels as they stand between the braces */
export function labelText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([label, text]) => `${label}="${escaped(text)}"`)
    .join(',');
}

function line(name: string, labels: string, [value, more]: Sample): string {
  const own = more === undefined ? '' : labelText(more);
  const all = labels === '' || own === '' ? labels + own : `${labels},${own}`;
  return all === '' ? `${name} ${value}\n` : `${name}{${all}} ${value}\n`;
}

function escaped(text: string): string {
  if (!/[\\"\n]/.test(text)) return text;
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
