/** Orders of chance. */
import { randomInt } from 'node:crypto';

/** @returns the items in an order of chance, each order as likely as another */
export function shuffled<T>(items: readonly T[]): readonly T[] {
  return items.reduce<readonly T[]>((done, item) => done.toSpliced(randomInt(done.length + 1), 0, item), []);
}
