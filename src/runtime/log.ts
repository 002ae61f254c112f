/**
 * One JSON object a line to stdout, through {@link redact}.
 *
 * Why no register of live secrets: it would have to keep every key in memory for as long as the process lives, which is
 * what must not be. Secrets are known by shape instead, and do not reach the log in the first place.
 */
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import winston from 'winston';
import { visible } from '../kube/printable.ts';
import { redact } from './redact.ts';

export type Level = 'error' | 'warn' | 'info' | 'debug';

/** Anything: values are made fit for JSON and redacted. An error belongs under `error`. */
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
  /** Writes the last line out, however slow the reader, and ends the log. Exit after it, not before. */
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
  // On the logger, whose own default would serialise each line before it is redacted, and throw on what is odd.
  const format = winston.format.printf((info) => lineOf(info, now()));
  const logger = winston.createLogger({ level, levels: LEVELS, format, transports: [transport], exitOnError: false });
  // A closed pipe ends the log, not the operator.
  stream.on('error', () => undefined);
  return {
    ...wrap(logger, {}),
    flush: async () => {
      if (!logger.writable) return;
      // Only when the transport has finished has winston handed over every line; only then can the stream be asked.
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
    // winston would glue `fields.message` to the message, so they travel under one name.
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

/** Total: a format that throws would throw where the line was logged. */
function lineOf(info: winston.Logform.TransformableInfo, now: number): string {
  const { level, message, fields } = info;
  const fixed = { time: new Date(now).toISOString(), level, message: redact(message) };
  // First and last, so that the three stand at the head of the line and no field takes their place.
  // People look at it in a terminal; escaped it is the same JSON.
  return visible(JSON.stringify(Object.assign({ ...fixed }, redact(fields), fixed)));
}
