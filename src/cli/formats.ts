/**
 * The formats of `--output`.
 */

export const FORMATS = ['json', 'yaml', 'wide', 'html'] as const;
export type Format = (typeof FORMATS)[number];

/** The command that makes pages. */
export const MAKES_PAGES = 'report';

/** @returns whether a command may write a format: pages are of one command */
export function isFormatOf(command: string, format: string): boolean {
  return format !== 'html' || command === MAKES_PAGES;
}
