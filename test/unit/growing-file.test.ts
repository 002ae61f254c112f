/** What counts requests in the other tests misses no line and takes none twice. */
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { GrowingFile } from '../support/cluster/growing-file.ts';

function openLog(content: string | Buffer) {
  const folder = mkdtempSync(join(tmpdir(), 'rekey-log-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'log');
  writeFileSync(path, content);
  return path;
}

it('gives each line once, and a line that is not complete only when it is', () => {
  const path = openLog('one\ntw');
  const file = new GrowingFile(path);
  expect(file.newLines()).toEqual(['one']);
  expect(file.newLines()).toEqual([]);
  appendFileSync(path, 'o\n');
  expect(file.newLines()).toEqual(['two']);
  appendFileSync(path, '\nfour\n');
  expect(file.newLines()).toEqual(['', 'four']);
});

it('takes a character together that was written in three parts', () => {
  const path = openLog('');
  const file = new GrowingFile(path);
  const said = [...Buffer.from('€\n')].map((byte) => {
    appendFileSync(path, Buffer.from([byte]));
    return file.newLines();
  });
  expect(said).toEqual([[], [], [], ['€']]);
});

it('reads more than its buffer holds', () => {
  const lines = Array.from({ length: 60_000 }, (_, i) => `${i} ${'ü'.repeat(20)}`);
  expect(new GrowingFile(openLog(`${lines.join('\n')}\n`)).newLines()).toEqual(lines);
});

it('begins where it is told', () => {
  const path = openLog('old\n');
  const file = new GrowingFile(path, 4);
  appendFileSync(path, 'new\n');
  expect(file.newLines()).toEqual(['new']);
});
