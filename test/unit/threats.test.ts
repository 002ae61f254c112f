/** Each attack of docs/threats.md has a test, which exists under that name. */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';

const docs = resolve(import.meta.dirname, '../../docs');
const rows = readFileSync(join(docs, 'threats.md'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| ') && !/^\| (Attack|---)/.test(line))
  .map((line) => line.split('|').map((cell) => cell.trim()));

it('has a defence and a test for each attack', () => {
  expect(rows.length).toBeGreaterThan(20);
  const wrong = rows.filter(([, attack, defence, test = '']) => {
    const [, name = '', path = '', title = ''] = /^\[([^\]]+)\]\(([^)]+)\): "(.+)"$/.exec(test) ?? [];
    const file = join(docs, path);
    const isThere = existsSync(file) && file.endsWith(`/${name}`);
    return !attack || !defence || !isThere || !readFileSync(file, 'utf8').includes(`'${title}'`);
  });
  expect(wrong.map(([, attack, , test]) => `${attack}: ${test}`)).toEqual([]);
});
