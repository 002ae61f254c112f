/**
 * One JSON object a line to stdout, through {@link redact}.
 *
 * It has no list of live secrets to hide, because that would keep every key in memory as long as the process lives.
 * Instead, secrets do not reach the log in the first place, and are recognized by their shape if they do.
 */
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import winston from 'winston';
import { visible } from '../kube/printable.ts';
import { redact } from './redact.ts';

export type Level = 'error' | 'warn' | 'info' | 'debug';

/** Any values: they are converted to JSON and redacted. An error belongs under `error`. */
export type Fields = Readonly<Record<string, unknown>>;

/** Never throws and never waits. */
export interface Logger {
  error(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  debug(message: string, fields?: Fields): void;
  /** @returns a logger that adds the fields to each line */
  child(fields: Fields): Logger;
}

/** The logger of the process. */
export interface RootLogger extends Logger {
  /** Writes out the last line, however slow the reader, and ends the log. Exit only after it. */
  flush(): Promise<void>;
}

export interface LoggerOptions {
  readonly level: Level;
  /** Wall clock, milliseconds since the epoch. */
  readonly now: () => number;
  /** Default: stdout. */
  readonly stream?: Writable;
}

/** @returns a logger that writes `{time, level, message, …fields}` */
export function createLogger({ level, now, stream = process.stdout }: LoggerOptions): RootLogger {
  const transport = new winston.transports.Stream({ stream });
  // Set on the logger: its default would serialize each line before redaction, and throw on unusual values.
  const format = winston.format.printf((info) => lineOf(info, now()));
  const logger = winston.createLogger({ level, levels: LEVELS, format, transports: [transport], exitOnError: false });
  // A closed pipe ends the log, not the operator.
  stream.on('error', () => undefined);
  return {
    ...wrap(logger, {}),
    flush: async () => {
      if (!logger.writable) return;
      // winston has passed on every line only when the transport has finished; only then the stream can be checked.
      const finished = once(transport, 'finish');
      logger.end();
      await finished;
      await new Promise<void>((resolve) => stream.write('', () => resolve()));
    },
  };
}

const LEVELS = { error: 0, warn: 1, info: 2, debug: 3 };

function wrap(logger: winston.Logger, bound: Fields): Logger {
  const write = (level: Level, message: string, fields: Fields = {}) => {
    // winston would append `fields.message` to the message, so all fields are passed under one name.
    if (logger.writable) logger.log({ level, message, fields: { ...bound, ...fields } });
  };
  return {
    error: (message, fields) => write('error', message, fields),
    warn: (message, fields) => write('warn', message, fields),
    info: (message, fields) => write('info', message, fields),
    debug: (message, fields) => write('debug', message, fields),
    child: (fields) => wrap(logger, { ...bound, ...fields }),
  };
}

/** Must not throw: otherwise the caller that logs the line would get the error. */
function lineOf(info: winston.Logform.TransformableInfo, now: number): string {
  const { level, message, fields } = info;
  const fixed = { time: new Date(now).toISOString(), level, message: redact(message) };
  // The three fixed fields come first in the line, and are set again at the end so that no field replaces them.
  // People read it in a terminal; escaping does not change the JSON.
  return visible(JSON.stringify(Object.assign({ ...fixed }, redact(fields), fixed)));
}
