/** A program in a real pseudo-terminal, and what a terminal shows of it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import xterm from '@xterm/headless';
import { until } from '../scenario/until.ts';

const SCRIPT = join(import.meta.dirname, 'run-in-pty.py');

export interface Pty {
  /** The lines of the screen as they are now, without those that are empty at its end. */
  readonly screen: () => readonly string[];
  /** All that was written, escape codes included. */
  readonly raw: () => string;
  /** As a person types it. */
  readonly send: (text: string) => void;
  readonly signal: (name: 'SIGUSR2' | 'SIGTERM') => void;
  readonly resize: (columns: number, rows: number) => void;
  /** Waits until the screen shows this. */
  readonly shows: (text: string | RegExp) => Promise<void>;
  /** @returns the exit status, once the program has ended */
  readonly ended: () => Promise<number>;
}

/** @param variables of its environment, beside ours; it is not told that it runs in CI */
export function openPty(
  argv: readonly string[],
  { columns, rows }: { readonly columns: number; readonly rows: number },
  variables: Readonly<Record<string, string>> = {},
): Pty {
  const { CI: _, NO_COLOR: __, FORCE_COLOR: ___, ...env } = process.env;
  const child = spawn('python3', [SCRIPT, String(columns), String(rows), ...argv], {
    env: { ...env, TERM: 'xterm-256color', ...variables },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const terminal = new xterm.Terminal({ cols: columns || 80, rows: rows || 24, allowProposedApi: true });
  let raw = '';
  child.stdout.on('data', (data: Buffer) => {
    raw += data.toString();
    terminal.write(data);
  });
  let isOver = false;
  child.on('close', () => {
    isOver = true;
  });
  const exit = once(child, 'close') as Promise<[number]>;
  const screen = () => {
    const { active } = terminal.buffer;
    const lines = Array.from({ length: active.length }, (_, i) => active.getLine(i)?.translateToString(true) ?? '');
    return lines.slice(0, lines.findLastIndex((line) => line !== '') + 1);
  };
  const order = (what: object) => void child.stdin.write(`${JSON.stringify(what)}\n`);
  return {
    screen,
    raw: () => raw,
    send: (text) => order({ send: text }),
    signal: (name) => order({ signal: name }),
    resize: (toColumns, toRows) => {
      terminal.resize(toColumns, toRows);
      order({ resize: [toColumns, toRows] });
    },
    shows: async (text) => {
      const isShown = (all: string) => (typeof text === 'string' ? all.includes(text) : text.test(all));
      const look = async () => {
        const shown = isShown(screen().join('\n'));
        if (isOver && !shown) throw new Error(`the program has ended without ${text}:\n${screen().join('\n')}`);
        return shown;
      };
      await until(`the screen shows ${text}`, look, { timeoutMs: 240_000, everyMs: 50 }, () => screen().join('\n'));
    },
    ended: async () => {
      const [code] = await exit;
      // what was written last is on the screen, too
      await new Promise<void>((resolve) => terminal.write('', resolve));
      return code;
    },
  };
}
