/** The view of what is followed, as lines for a terminal of any size. */
import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import type { Asked } from '../../../../src/cli/live/course.ts';
import { endedSubject, type Subject, subjectOf } from '../../../../src/cli/live/subject.ts';
import { view } from '../../../../src/cli/live/view.ts';
import type { JwtKeyRotation } from '../../../../src/rotation/api/names.ts';
import { historyOf, resourceIn, stagedBeforeWindow, T0, target } from './frames.ts';

const ROTATION: Asked = { kind: 'Rotation' };
const AT = T0 + 23_000;
const WIDE = { columns: 120, rows: 40, colour: false };
const USUAL = { columns: 80, rows: 40, colour: false };
const iso = (at: number) => new Date(at).toISOString();
const known = { history: historyOf(53, 51, 58) };
const seen = (resource: JwtKeyRotation, asked: Asked = ROTATION) => subjectOf(resource, asked, T0);
const draining = seen(resourceIn('Draining', { ...known, retireNotBefore: iso(T0 + 45_000) }));
const QUOTA =
  'main: Deployment main has not progressed for 600 s: exceeded quota: compute, requested: cpu=1, used: cpu=4, limited: cpu=4';
const blocked = seen(resourceIn('Staging', known, ['RolloutFailed', QUOTA]));

/** Escape codes away: what a person reads. */
const plain = (lines: readonly string[]) => lines.map((line) => stripVTControlCharacters(line));

describe('the view', () => {
  it('shows phase, pods, what is next and how long it takes, at 120 columns', () => {
    expect(view([seen(resourceIn('Promoting', known))], AT, WIDE)).toEqual([
      'shop/my-jwt  key k-f8531ca2 → k-02d000c1',
      '✓ preflight → ✓ staging → ✓ staged → ● promoting → draining → retiring → done',
      '',
      '  Deployment/main         ██████████░░░░░░░░░░  1/2  waits for main-6cc548f84c-zkl5l',
      '  Deployment/autoscraper  ████████████████████  1/1',
      '  Deployment/admin        ░░░░░░░░░░░░░░░░░░░░  0/4  waits for admin-7b59f88c7-p8tz2 (it answered 503) +3',
      '',
      '  now      signer pods change to the new key; the old key stays accepted',
      '  next     draining, when every signer pod signs with the new key',
      '  elapsed  23s of about 53s expected from the last 3 rotations',
      '',
      'Ctrl-C leaves the rotation running. To see it again: kubectl rekey status my-jwt -n shop -w',
      'To go back, with no token refused: kubectl rekey abort my-jwt -n shop',
    ]);
  });

  it('counts down to the end of the drain, with its time of day, at 80 columns', () => {
    const lines = view([draining], AT, USUAL);
    expect(lines).toContain('✓ preflight → ✓ staging → ✓ staged → ✓ promoting → ● draining → retiring → done');
    expect(lines).toContain('  next     retiring in 22s, at 20:00:45 UTC');
    expect(view([draining], AT + 1_000, USUAL)).toContain('  next     retiring in 21s, at 20:00:45 UTC');
    expect(view([draining], T0 + 46_000, USUAL).join('\n')).toContain(
      'retiring, after every pod has answered once more',
    );
    const paused = resourceIn('Draining', { retireNotBefore: iso(T0 + 45_000) }, ['Paused', 'the annotation is set']);
    expect(view([seen(paused)], AT, USUAL)).toContain('  next        retiring, but not before 20:00:45 UTC');
    // a command that would be broken has a line of its own
    expect(lines).toContain('  kubectl rekey status my-jwt -n shop -w');
  });

  it('shows in staged what it waits for, and expects nothing of a window that is closed', () => {
    const staged = seen(stagedBeforeWindow('0 3 * * *', known));
    expect(view([staged], AT, USUAL)).toEqual([
      'shop/my-jwt  key k-f8531ca2 → k-02d000c1',
      '✓ preflight → ✓ staging → ● staged → promoting → draining → retiring → done',
      '',
      '  Deployment/main         ██████████  2/2',
      '  Deployment/autoscraper  ██████████  1/1',
      '  Deployment/admin        ██████████  4/4',
      '',
      '  now      every verifier pod accepts the new key; the old key signs',
      '  next     promoting, when the maintenance window opens, in 6h 59m, at',
      '           2026-11-30 03:00 UTC',
      '  elapsed  23s',
      '',
      'Ctrl-C leaves the rotation running. To see it again:',
      '  kubectl rekey status my-jwt -n shop -w',
      'To go back, with no token refused: kubectl rekey abort my-jwt -n shop',
    ]);
    expect(view([staged], AT, { ...USUAL, columns: 40 }).slice(0, 2)).toEqual([
      'shop/my-jwt  key k-f8531ca2 → k-02d000c1',
      '● staged (3 of 7) → promoting',
    ]);
  });

  it('says what is in the way, broken at words, and which command shows all of it', () => {
    const lines = view([blocked], AT, USUAL);
    const at = lines.findIndex((line) => line.startsWith('  in the way  RolloutFailed: main: Deployment main has not'));
    expect(
      lines
        .slice(at, at + 3)
        .map((line) => line.slice(14))
        .join(' '),
    ).toBe(`RolloutFailed: ${QUOTA}`);
    expect(lines.join('\n')).toContain('All that is in the way: kubectl rekey check my-jwt -n shop');
  });

  it('is narrow where the terminal is', () => {
    expect(view([draining], AT, { ...USUAL, columns: 40 }).slice(0, 8)).toEqual([
      'shop/my-jwt  key k-f8531ca2 → k-02d000c1',
      '● draining (5 of 7) → retiring',
      '',
      '  Deployment/main   1/2',
      '    waits for main-6cc548f84c-zkl5l',
      '  Deployment/auto…  1/1',
      '  Deployment/admin  0/4',
      '    waits for admin-7b59f88c7-p8tz2 +3',
    ]);
  });

  it('leaves out what matters least where the terminal is short', () => {
    expect(view([blocked], AT, { ...USUAL, rows: 10 })).toEqual([
      'shop/my-jwt  key k-f8531ca2 → k-02d000c1',
      '✓ preflight → ● staging → staged → promoting → draining → retiring → done',
      '  2 of 7 pods acknowledged  waits for main-6cc548f84c-zkl5l +4',
      '  next        promoting, when every verifier pod accepts the new key',
      '  elapsed     23s of about 53s expected from the last 3 rotations',
      '  in the way  RolloutFailed: main: Deployment main has not progressed for 600 s:',
      '              exceeded quota: compute, requested: cpu=1, used: cpu=4, limited: …',
      'Ctrl-C leaves the rotation running. To see it again:',
      '  kubectl rekey status my-jwt -n shop -w',
    ]);
    const [only = '', ...others] = view([blocked], AT, { ...USUAL, rows: 2 });
    expect([only, others]).toEqual([expect.stringMatching(/^shop\/my-jwt {2}● staging {2}RolloutFailed: .*…$/), []]);
  });

  it('shows several below each other, and each on a line where they are too many', () => {
    const names = ['a', 'b', 'c'];
    const many = names.map((name) => {
      const { resource } = draining;
      return { ...draining, resource: { ...resource, metadata: { ...resource.metadata, name } } } as Subject;
    });
    const lines = view(many, AT, { ...WIDE, rows: 50 });
    expect(names.map((name) => lines.includes(`shop/${name}  key k-f8531ca2 → k-02d000c1`))).toEqual([
      true,
      true,
      true,
    ]);
    expect(lines.at(-1)).toBe('Ctrl-C leaves the rotations running. To see them again: kubectl rekey status -n shop');
    const short = view(many, AT, { ...WIDE, rows: 4 });
    expect(short.map((line) => line.slice(0, 64))).toEqual(
      names.map((name) => expect.stringContaining(`shop/${name}  ● draining  retiring in 22s, at 20:00:45 UTC`)),
    );
    expect(view(many, AT, { ...WIDE, rows: 3 }).at(-1)).toBe('and 2 more');
  });

  it('shows an emergency as one, and a way back as one', () => {
    const emergency = { nonce: '1', reason: 'leak', writtenAt: iso(T0) };
    const burning = resourceIn('Burning', { emergency }, ['Burning', 'pods acknowledged']);
    const lines = view([seen(burning, { kind: 'Emergency', nonce: '1' })], AT, USUAL);
    expect(lines.slice(0, 2)).toEqual([
      'shop/my-jwt  EMERGENCY  key k-f8531ca2 → k-02d000c1',
      '✓ requested → ● burning → done',
    ]);
    expect(lines.join('\n')).not.toContain('in the way');
    expect(lines.at(-1)).toBe('Every token signed before is refused, so every user must sign in again');
    const back = resourceIn('Promoting');
    const conditions = back.status?.conditions?.map((each) =>
      each.type === 'Rotating' ? { ...each, reason: 'RollingBack' } : each,
    );
    const rolling = seen({ ...back, status: { ...back.status, ...(conditions && { conditions }) } });
    expect(view([rolling], AT, USUAL)[1]).toBe('going back: ● promoting → draining → retiring → done');
    expect(view([rolling], AT, USUAL).join('\n')).not.toContain('To go back');
    expect(view([seen(resourceIn('Aborting'))], AT, USUAL)[1]).toBe('● aborting → done');
    expect(view([seen(resourceIn('Switching'))], AT, USUAL)[1]).toBe('✓ preflight → ● switching → done');
  });

  it('shows where a rotation is that somebody must settle by hand', () => {
    const resource = resourceIn('Degraded', {}, ['ForeignWriter', 'somebody wrote']);
    const conditions = resource.status?.conditions?.map((each) =>
      each.type === 'Rotating' ? { ...each, reason: 'Draining' } : each,
    );
    const subject = seen({ ...resource, status: { ...resource.status, ...(conditions && { conditions }) } });
    expect(view([subject], AT, USUAL)[1]).toContain('● draining');
  });

  it('keeps the course of what has ended, well or not', () => {
    const before = seen(resourceIn('Retiring', known));
    const last = subjectOf(resourceIn('Steady', known), ROTATION, T0, before);
    expect(view([endedSubject(last, before, true, T0 + 53_000)], AT, USUAL).join('\n')).toMatch(
      /✓ done\n(?:.*\n)*.*lasted {2}53s$/,
    );
    const failed = endedSubject(last, before, false, T0 + 53_000);
    expect(view([failed], AT, USUAL)[1]).toContain('✗ retiring');
  });

  it('shows what rests, and when the next one is due', () => {
    const resource = resourceIn('Steady', { ...known, nextRotationTime: iso(T0 + 4 * 86_400_000) });
    const lines = view([seen(resource, { kind: 'Look' })], AT, USUAL);
    expect(lines[0]).toBe('shop/my-jwt  at rest  key k-f8531ca2');
    expect(lines).toContain('  next  a rotation in 3d 23h, at 2026-12-03 20:00 UTC');
    expect(lines).toContain('  last  Completed in 53s: k-0 → k-1');
    expect(lines.at(-1)).toBe('Ctrl-C ends this view and changes nothing');
    const requested = view([seen(resource)], AT, USUAL);
    expect(requested[1]).toBe('● requested (1 of 8) → preflight');
    const held = seen(resourceIn('Steady', {}, ['TargetPaused', 'Deployment/main is paused']));
    expect(view([held], AT, USUAL)).toContain('  next        it starts when nothing is in the way any more');
    expect(requested.slice(-3)).toEqual([
      'Ctrl-C leaves the request as it is. To see it again:',
      '  kubectl rekey status my-jwt -n shop -w',
      'To take it back: kubectl rekey withdraw my-jwt -n shop',
    ]);
    // blocked before its first write: there is nothing to go back from, and nothing runs
    const preflight = resourceIn('Preflight', {}, ['SingleKeyService', 'main knows one key']);
    const { rotation: _, ...notStarted } = preflight.status ?? {};
    const blocked = seen({ ...preflight, status: notStarted });
    expect(view([blocked], AT, USUAL).slice(-4)).toEqual([
      'Ctrl-C leaves the request as it is. To see it again:',
      '  kubectl rekey status my-jwt -n shop -w',
      'All that is in the way: kubectl rekey check my-jwt -n shop',
      'To take it back: kubectl rekey withdraw my-jwt -n shop',
    ]);
  });
});

describe('what is not known', () => {
  it.each<[string, readonly number[], number | undefined, number, string]>([
    ['no rotation has completed', [], undefined, 23, 'elapsed  23s'],
    ['one has', [60], undefined, 23, '23s of about 1m expected from the last rotation'],
    [
      'it lasts longer than usual',
      [20, 22, 21],
      undefined,
      23,
      '23s, longer than the 21s expected from the last 3 rotations',
    ],
    ['its drain alone lasts longer than all of them did', [20, 22, 21], 45_000, 10, 'elapsed  10s'],
  ])('is not said: %s', (_, lasted, leaves, seconds, text) => {
    const retire = leaves === undefined ? {} : { retireNotBefore: iso(T0 + leaves) };
    const subject = seen(resourceIn('Draining', { history: historyOf(...lasted), ...retire }));
    const line = view([subject], T0 + seconds * 1000, USUAL).find((each) => each.startsWith('  elapsed'));
    expect(line?.trim().endsWith(text)).toBe(true);
  });

  it('of a target without a pod in the way names none, and does not ask who only signs of a staged key', () => {
    const only = { kind: 'Deployment', name: 'signer', roles: ['Signer'] };
    const resource = resourceIn('Staging', {
      targets: [target('main', 1, 3), target('signer', 0, 1), target('none', 0, 0)],
    });
    const spec = { ...resource.spec, targets: [only] } as JwtKeyRotation['spec'];
    const lines = view([seen({ ...resource, spec })], AT, USUAL);
    expect(lines.slice(3, 6)).toEqual([
      '  Deployment/main    ████░░░░░░  1/3',
      '  Deployment/signer  ··········  –    only signs: not asked in this phase',
      '  Deployment/none    ··········  0/0  no pod runs',
    ]);
  });

  it('is full only when no pod is missing', () => {
    const nearly = seen(resourceIn('Staging', { targets: [target('main', 999, 1000, 'main-1')] }));
    expect(view([nearly], AT, USUAL)[3]).toContain('█████████░  999/1000  waits for main-1');
  });
});

describe('a frame', () => {
  const HOSTILE = '\u001b[2J\u009b\u202e\nforged\r\t';
  const hostile = (text: string) => {
    const waits = [target(`t${text}`, 0, 3, `p${text}`, `w${text}`)];
    const history = historyOf(53).map((entry) => ({ ...entry, from: text, to: text, outcome: text as never }));
    const ready = [`R${text}`, `m${text} ${'日本語 '.repeat(20)}`] as const;
    const resource = resourceIn('Staging', { targets: waits, currentKeyId: text, history }, ready);
    return { ...resource, metadata: { ...resource.metadata, name: `n${text}` } } as JwtKeyRotation;
  };

  it('fits whatever stands in it, and breaks no escape code', () => {
    const sizes = fc.record({
      columns: fc.integer({ min: 8, max: 200 }),
      rows: fc.integer({ min: 2, max: 60 }),
      colour: fc.boolean(),
    });
    const texts = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 30 }), fc.constantFrom(HOSTILE, '👩‍🚀日本語', ''));
    fc.assert(
      fc.property(sizes, texts, fc.constantFrom('Staging', 'Steady', 'Burning' as const), (size, text, phase) => {
        const resource = hostile(text);
        const subjects = [seen({ ...resource, status: { ...resource.status, phase: phase as never } }), draining];
        const lines = view(subjects, AT, size);
        expect(lines.length).toBeLessThan(size.rows);
        for (const line of plain(lines)) {
          expect(stringWidth(line)).toBeLessThanOrEqual(size.columns);
          expect(line).not.toMatch(/(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
        }
      }),
    );
  });

  it('has colours only where they are wanted, and says the same with them', () => {
    const coloured = view([blocked], AT, { ...USUAL, colour: true });
    expect(coloured.join('')).toContain('\u001b[');
    expect(plain(coloured)).toEqual(view([blocked], AT, USUAL));
  });

  it('is cut by what a terminal shows of it: wide signs take two columns', () => {
    const wide = seen(resourceIn('Staging', { targets: [target('日本語日本語日本語日本語', 0, 3, 'x'.repeat(60))] }));
    const [, , , line = ''] = view([wide], AT, USUAL);
    expect([stringWidth(line), line.endsWith('… +2')]).toEqual([80, true]);
  });
});
