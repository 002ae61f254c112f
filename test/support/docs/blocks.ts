/**
 * The commands of the pages: what a reader would type, found in fenced blocks and in inline code.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'shell-quote';

export const ROOT = join(import.meta.dirname, '../../..');

/** A fenced block of shell commands. */
export interface Block {
  readonly page: string;
  /** Of its fence, from 1. */
  readonly line: number;
  /** Of the comment before it: what it needs that no test has, or which test runs it. */
  readonly marker?: { readonly kind: 'needs' | 'run'; readonly what: string };
  readonly text: string;
  readonly commands: readonly Command[];
}

/** The words of one command, without variables set before it and redirections after it. */
export type Command = readonly string[];

/** @returns the pages of the project, paths from its root */
export function pages(): readonly string[] {
  const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '*.md'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  return listed
    .trim()
    .split('\n')
    .filter((page) => existsSync(join(ROOT, page)));
}

/** @returns the blocks of a page, `sh` as they stand, `console` by their prompts */
export function blocksOf(page: string): readonly Block[] {
  const lines = readFileSync(join(ROOT, page), 'utf8').split('\n');
  const whole = lines
    .map((line) => /^<!-- all blocks need: (.+) -->$/.exec(line)?.[1])
    .find((what) => what !== undefined);
  const blocks: Block[] = [];
  for (let i = 0; i < lines.length; i += 1) {
    const [, indent = '', language] = /^(\s*)```(sh|console)$/.exec(lines[i] ?? '') ?? [];
    if (language === undefined) continue;
    const end = lines.findIndex((line, at) => at > i && line === `${indent}\`\`\``);
    const body = lines.slice(i + 1, end).map((line) => line.slice(indent.length));
    const typed = language === 'sh' ? body : body.filter((line) => line.startsWith('$ ')).map((line) => line.slice(2));
    const what = language === 'console' ? 'what it shows' : whole;
    const marker = markerIn(lines.slice(0, i)) ?? (what === undefined ? undefined : ({ kind: 'needs', what } as const));
    const commands = commandsIn(typed.join('\n'));
    blocks.push({ ...{ page, line: i + 1, text: body.join('\n'), commands }, ...(marker && { marker }) });
    i = end;
  }
  return blocks;
}

/** @returns what inline code of a page names as a command of ours, without the name of the program */
export function inlineCommandsOf(page: string): readonly (readonly [program: string, text: string])[] {
  const text = readFileSync(join(ROOT, page), 'utf8').replaceAll(/^\s*```[\s\S]*?^\s*```$/gm, '');
  return [...text.matchAll(/`(kubectl rekey|rekey) ([a-z][^`]*)`/g)].map(([, program = '', rest = '']) => [
    program,
    rest,
  ]);
}

function markerIn(before: readonly string[]): Block['marker'] {
  const above = before.findLast((line) => line.trim() !== '') ?? '';
  const [, kind, what = ''] = /^\s*<!-- (needs|run): (.+) -->$/.exec(above) ?? [];
  return kind === 'needs' || kind === 'run' ? { kind, what } : undefined;
}

/** @returns the commands of a script, in its order */
export function commandsIn(script: string): readonly Command[] {
  return logicalLines(script).flatMap((line) => {
    const commands: string[][] = [[]];
    let redirected = false;
    for (const token of parse(line, (name) => `$${name}`)) {
      if (typeof token === 'object' && 'comment' in token) break;
      if (typeof token === 'object' && 'pattern' in token) commands.at(-1)?.push(token.pattern);
      else if (typeof token === 'object') {
        redirected = ['>', '>>', '<', '>&'].includes(token.op);
        if (!redirected) commands.push([]);
      } else if (redirected) redirected = false;
      else commands.at(-1)?.push(token);
    }
    return commands.map(withoutVariables).filter((words) => words.length > 0);
  });
}

/** Lines that go on behind a backslash, or within quotes, are one. */
function logicalLines(script: string): readonly string[] {
  const lines: string[] = [];
  let open = '';
  for (const line of script.split('\n')) {
    open += open === '' ? line : `\n${line}`;
    const bare = open
      .replaceAll(/\\./g, '')
      .replaceAll(/'[^']*'/g, '')
      .replaceAll(/"[^"]*"/g, '');
    if (open.endsWith('\\')) open = open.slice(0, -1);
    else if (!/['"]/.test(bare.replace(/(^|\s)#.*$/, ''))) {
      lines.push(open);
      open = '';
    }
  }
  return lines;
}

function withoutVariables(words: readonly string[]): Command {
  const first = words.findIndex((word) => !/^[A-Z_]+=/.test(word));
  return first === -1 ? [] : words.slice(first);
}
