/** How results look. */
import { describe, expect, it } from 'vitest';
import { columns, machineText, when } from '../../../src/cli/output.ts';

const NOW = Date.UTC(2026, 0, 1);

describe('a result', () => {
  it('has columns as wide as their widest cell, and none after the last', () => {
    expect(
      columns(
        [
          ['A', 'B'],
          ['long', ''],
          ['x', 'y'],
        ],
        ' ',
      ),
    ).toBe(' A     B\n long\n x     y\n');
    expect(columns([])).toBe('');
  });

  it('lets nobody who wrote a cell forge a row or steer the terminal', () => {
    expect(columns([['a\u001b[2J', 'x\ny']])).toBe('a [2J  x y\n');
  });

  it('has times with what they mean now', () => {
    expect(when('2026-01-01T01:30:00.123Z', NOW)).toBe('2026-01-01T01:30:00Z (in 1h 30m)');
    expect(when(NOW - 86_400_000, NOW)).toBe('2025-12-31T00:00:00Z (1d ago)');
    expect([when(undefined, NOW), when('soon', NOW)]).toEqual(['–', '–']);
  });

  it('is for programs where they ask', () => {
    expect(machineText({ a: [1] }, 'json')).toBe('{\n  "a": [\n    1\n  ]\n}\n');
    expect(machineText({ a: [1] }, 'yaml')).toBe('a:\n  - 1\n');
    expect([machineText({}, 'wide'), machineText({}, undefined)]).toEqual([undefined, undefined]);
  });
});
