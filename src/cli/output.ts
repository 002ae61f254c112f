/**
 * How results are written: columns for people, JSON or YAML for programs.
 */
import { dump } from 'js-yaml';
import { oneLine, visible } from '../rotation/people/text.ts';
import { formatDuration } from '../rotation/schedule/duration.ts';
import { fold } from './fold.ts';
import type { Format } from './formats.ts';
import type { Terminal } from './terminal.ts';

/** @returns undefined where people read it */
export function machineText(value: unknown, format: Format | undefined): string | undefined {
  if (format !== 'json' && format !== 'yaml') return undefined;
  const json = `${JSON.stringify(value, undefined, 2)}\n`;
  if (format === 'json') return visible(json);
  const yaml = dump(value, { noRefs: true });
  // escapes mean something in quotes only, and JSON has each text in quotes; it is YAML too
  return visible(yaml) === yaml ? yaml : visible(json);
}

/** Prints for programs what is for them, else for people so that it fits their terminal. */
export function printResult(terminal: Terminal, machine: string | undefined, text: string): void {
  terminal.print(machine ?? fold(text, terminal.resultColumns));
}

/**
 * What somebody else has written, a reason perhaps, stays in its cell and steers no terminal.
 *
 * @returns rows below each other, with two spaces between columns
 */
export function columns(table: readonly (readonly string[])[], indent = ''): string {
  const rows = table.map((row) => row.map(oneLine));
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ');
  return rows.map((row) => `${indent}${line(row).trimEnd()}\n`).join('');
}

/**
 * @param time ISO 8601, or milliseconds since the epoch
 * @returns such as `2026-02-01T03:00:00Z (in 4d 2h)`; `–` for none
 */
export function when(time: string | number | undefined, now: number): string {
  const at = typeof time === 'string' ? Date.parse(time) : (time ?? Number.NaN);
  if (Number.isNaN(at)) return '–';
  const text = new Date(at).toISOString().replace(/\.\d{3}Z$/, 'Z');
  return `${text} (${distance(at, now)})`;
}

/** @returns such as `in 4d 2h` or `3s ago` */
export function distance(at: number, now: number): string {
  return at > now ? `in ${formatDuration(at - now)}` : `${formatDuration(now - at)} ago`;
}
