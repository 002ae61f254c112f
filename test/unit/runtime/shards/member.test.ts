/** What replicas say of themselves, what is believed of it, and who works when they disagree. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  lineOf,
  type Member,
  memberId,
  parseMember,
  shardsInForce,
  wantedShards,
} from '../../../../src/runtime/shards/member.ts';

const member = (id: string, fields: Partial<Member> = {}): Member => {
  return { id, shards: 3, held: 0, leaving: false, ...fields };
};

describe('a line', () => {
  const shards = fc.integer({ min: 1, max: 32 });
  const beats = fc.integer({ min: 0, max: 1e12 });

  it('says what was meant', () => {
    fc.assert(
      fc.property(shards, fc.boolean(), beats, (shards, leaving, beat) => {
        const fields = { shards, held: shards, leaving };
        expect(parseMember('a_1', lineOf(fields, beat))).toEqual({ id: 'a_1', ...fields });
      }),
    );
  });

  it.each([
    ...[
      '',
      '3',
      '3 0',
      '0 0 1',
      '33 0 1',
      '3 4 1',
      '3 -1 1',
      '3 0 x',
      '3 0 1 going',
      '03 0 1',
      '3 0 1 leaving ',
      '3  0 1',
    ],
    ...['3 0 1\n', '1e1 0 1', `3 0 ${'9'.repeat(16)}`, '３ 0 1', `3 0 1${' '.repeat(100_000)}`],
  ])('that is malformed is no member: %j', (line) => {
    expect(parseMember('a_1', line)).toBeUndefined();
  });

  it.each(['', '-a', 'a/b', 'a b', 'x'.repeat(64)])('under a name that is none is no member: %j', (id) => {
    expect(parseMember(id, '3 0 1')).toBeUndefined();
  });

  it('whatever it is breaks nothing', () => {
    fc.assert(fc.property(fc.string(), fc.string(), (id, line) => void parseMember(id, line)));
  });
});

it('a member is called by its identity, or by a name that an annotation can have', () => {
  expect(memberId('rekey-7c9_1f00')).toBe('rekey-7c9_1f00');
  fc.assert(
    fc.property(fc.string(), (identity) => {
      expect(memberId(identity)).toMatch(/^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/);
    }),
  );
  expect(memberId('x'.repeat(64))).not.toBe(memberId('x'.repeat(65)));
});

describe('replicas that disagree', () => {
  it.each<[string, readonly Member[], number | undefined]>([
    ['nobody', [], undefined],
    [
      'those who hold shards go on',
      [member('a', { held: 1 }), member('b', { shards: 4 }), member('c', { shards: 4 })],
      3,
    ],
    ['also when the last of them stops', [member('a', { held: 1, leaving: true }), member('b', { shards: 4 })], 3],
    ['the others take over after that', [member('b', { shards: 4 })], 4],
    ['nobody holds any: the greater crowd', [member('a'), member('b'), member('c', { shards: 9 })], 3],
    ['nobody holds any, and they are equal', [member('a'), member('b', { shards: 4 })], 4],
    ['one who leads without shards comes first', [member('a', { held: 3 }), member('z', { shards: 1, held: 1 })], 1],
  ])('%s', (_, members, shards) => {
    expect(shardsInForce(members)).toBe(shards);
  });

  it('never work at the same time, and never wait for each other', () => {
    const any = fc.record({
      id: fc.stringMatching(/^[a-z]{1,6}$/),
      shards: fc.integer({ min: 2, max: 5 }),
      held: fc.integer({ min: 0, max: 2 }),
      leaving: fc.boolean(),
    });
    const all = fc.uniqueArray(any, { selector: ({ id }) => id, minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(all, (members) => {
        const wanting = members.map((each) => ({ each, wanted: wantedShards(each.id, members) }));
        const working = wanting.filter(({ wanted }) => wanted.length > 0);
        expect(new Set(working.map(({ each }) => each.shards)).size).toBeLessThanOrEqual(1);
        const shards = shardsInForce(members) ?? 0;
        const able = members.some((each) => each.shards === shards && !each.leaving);
        const wanted = wanting.flatMap((one) => one.wanted).sort((a, b) => a - b);
        expect(wanted).toEqual(able ? Array.from({ length: shards }, (_, shard) => shard) : []);
      }),
    );
  });
});

it('one that stops is assigned nothing, and one that is not listed neither', () => {
  expect(wantedShards('a', [member('a', { leaving: true }), member('b')])).toEqual([]);
  expect(wantedShards('b', [member('a', { leaving: true }), member('b')])).toHaveLength(3);
  expect(wantedShards('x', [member('a')])).toEqual([]);
});

describe('a member in doubt', () => {
  const [a, b, c] = [member('a'), member('b'), member('c')];
  const doubted = (each: Member) => ({ ...each, doubted: true });

  it('keeps its part, and the others wait for what they would have without it', () => {
    const members = [a, b, doubted(c)];
    const waiting = ['a', 'b'].flatMap((id) =>
      wantedShards(id, members).filter((shard) => !wantedShards(id, [a, b, c]).includes(shard)),
    );
    expect(waiting).toEqual(expect.arrayContaining([...wantedShards('c', [a, b, c])]));
    for (const id of ['a', 'b', 'c']) {
      expect(wantedShards(id, members)).toEqual(expect.arrayContaining([...wantedShards(id, [a, b, c])]));
    }
  });

  it('keeps those away who have another number of shards', () => {
    const old = doubted(member('z', { shards: 4, held: 1 }));
    expect(wantedShards('a', [a, b, old])).toEqual([]);
  });
});
