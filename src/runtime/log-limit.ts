/**
 * A logger for failures that may occur a thousand times at once. It limits the lines of each message a minute, and the
 * first line after that minute has the number of omitted ones.
 */
import type { Clock } from './clock.ts';
import type { Fields, Level, Logger } from './log.ts';

const MINUTE_MS = 60_000;
/** Messages are constants of the program, so there are few of them. */
const LINES = 10;

interface Minute {
  readonly since: number;
  lines: number;
  leftOut: number;
}

/** @param lines of each message in a minute. Default 10 */
export function limitedLog(log: Logger, clock: Pick<Clock, 'monotonic'>, lines = LINES): Logger {
  const minutes = new Map<string, Minute>();
  const wrap = (inner: Logger): Logger => {
    const write =
      (level: Level) =>
      (message: string, fields: Fields = {}) => {
        const known = minutes.get(message);
        const now = clock.monotonic();
        const over = known === undefined || now - known.since >= MINUTE_MS;
        const minute = over ? { since: now, lines: 0, leftOut: 0 } : known;
        minutes.set(message, minute);
        if (minute.lines >= lines) {
          minute.leftOut += 1;
          return;
        }
        minute.lines += 1;
        const leftOut = over ? (known?.leftOut ?? 0) : 0;
        inner[level](message, { ...fields, ...(leftOut > 0 && { similarLinesLeftOut: leftOut }) });
      };
    return {
      error: write('error'),
      warn: write('warn'),
      info: write('info'),
      debug: write('debug'),
      child: (fields) => wrap(inner.child(fields)),
    };
  };
  return wrap(log);
}
