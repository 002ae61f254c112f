/**
 * Shifts the clock of a process that is started with `--import` of this file: by the milliseconds that stand in the file
 * which REKEY_FAULTS_CLOCK names. The monotonic clock stays.
 */
import { readFileSync } from 'node:fs';

const path = process.env.REKEY_FAULTS_CLOCK;
/** The file is read again after this, milliseconds. */
const FRESH_MS = 20;

if (path !== undefined) {
  const RealDate = Date;
  let readAt = Number.NEGATIVE_INFINITY;
  let aheadMs = 0;
  const now = (): number => {
    if (performance.now() - readAt > FRESH_MS) {
      readAt = performance.now();
      try {
        aheadMs = Number(readFileSync(path, 'utf8')) || 0;
      } catch {
        aheadMs = 0;
      }
    }
    return RealDate.now() + aheadMs;
  };
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args, self) => Reflect.construct(target, args.length === 0 ? [now()] : args, self) as object,
    get: (target, name, self) => (name === 'now' ? now : Reflect.get(target, name, self)),
  });
}
