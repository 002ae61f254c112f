/**
 * The formats of `--output`.
 */

export const FORMATS = ['json', 'yaml', 'wide', 'html'] as const;
export type Format = (typeof FORMATS)[number];

/** The command that makes pages. */
export const MAKES_PAGES = 'report';

/** These print one form only; `rotate` and `abort` of `env` too. */
const ONE_FORM: readonly string[] = [
  ...['rotate', 'abort', 'withdraw', 'pause', 'suspend', 'resume', 'contained'],
  ...['inject', 'generate', 'completion'],
];

/** @returns whether a command may write a format: pages are of one command, and some have one form only */
export function isFormatOf(command: string, format: string): boolean {
  return !ONE_FORM.includes(command) && (format !== 'html' || command === MAKES_PAGES);
}

/** @returns why a command does not write a format */
export function notOf(command: string, format: string): string {
  if (ONE_FORM.includes(command)) return `-o ${format}: ${command} prints text only`;
  return `-o ${format}: ${command} makes no page; only ${MAKES_PAGES} does`;
}
