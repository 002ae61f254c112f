import { describe, expect, it } from 'vitest';
import { newLife } from './life.ts';
import { followFiles, type Said } from './reloads.ts';

const said = (accepts: string, refuses: string, signs: string): Said => ({
  accepts: new Set(accepts.split('')),
  refuses: new Set(refuses.split('')),
  signs,
});
const OLD = said('A', 'B', 'A');
const NEW = said('AB', '', 'B');
/** The service was asked for one key before the reload, for the other after it. */
const MIXED = said('AB', '', 'A');

describe('a container that reads mounted files', () => {
  it.each([
    ['stays one life while its answers agree', [OLD, OLD, OLD], []],
    ['is another life once it has said something new twice', [OLD, OLD, NEW, NEW, NEW], [[2n, 5n]]],
    [
      'is believed neither in the middle of a reload nor while it does not answer',
      [OLD, MIXED, undefined, NEW, NEW, NEW],
      [[1n, 6n]],
    ],
  ])('%s', async (_, rounds, ends) => {
    const first = newLife({ pod: 'main-1', service: 'main', container: '1' }, 0n);
    const lives = [first];
    const seen: bigint[][] = [];
    let asked = 0;
    let over = false;
    await followFiles(first, {
      // the Secret has a new version with each round
      version: () => BigInt(asked + 1),
      ask: async () => {
        const answer = rounds[asked];
        asked += 1;
        over = asked >= rounds.length;
        return answer;
      },
      isOver: () => over,
      pause: async () => {},
      reloaded: (life, end, from) => {
        life.until = end.version;
        seen.push([end.version, from]);
        const next = newLife(life, from);
        lives.push(next);
        return next;
      },
    });
    expect(seen).toEqual(ends);
    expect(lives.at(-1)?.signs).toBe(ends.length === 0 ? 'A' : 'B');
  });

  it('that ends before it is asked again ends with its last answer, since it may have read the files meanwhile', async () => {
    const life = newLife({ pod: 'main-1', service: 'main', container: '1' }, 0n);
    let asked = 0;
    await followFiles(life, {
      version: () => BigInt(asked + 1),
      ask: async () => {
        asked += 1;
        if (asked < 3) return OLD;
        life.until = 9n;
        return undefined;
      },
      isOver: () => false,
      pause: async () => {},
      reloaded: () => expect.unreachable(),
    });
    expect(life.until).toBe(2n);
  });
});
