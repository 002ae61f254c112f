/** The page about .env files says all that people can meet, and its examples are true. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/env/parse-config.ts';

const root = resolve(import.meta.dirname, '../../..');
const read = (path: string) => readFileSync(resolve(root, path), 'utf8');
const page = read('docs/reference/env.md');
const all = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, name = '']) => name);

describe('docs/reference/env.md', () => {
  it('explains every reason', () => {
    const [, union = ''] = read('src/env/finding.ts').split('export type EnvReason');
    const reasons = all(union, /\| '([A-Za-z]+)'/g);
    expect(reasons.length).toBeGreaterThan(20);
    expect(reasons.filter((reason) => !page.includes(`| \`${reason}\``))).toEqual([]);
    expect(
      all(page, /^\| `([A-Z][A-Za-z]+)` +\| (?:error|warning)/gm).filter((reason) => !reasons.includes(reason)),
    ).toEqual([]);
  });

  it('explains every field, and the schema has the same', () => {
    const schema = JSON.parse(read('docs/reference/rekey-yaml.schema.json')) as {
      readonly properties: object;
      readonly definitions: { readonly service: { readonly properties: object } };
    };
    const known = (file: string) => all(read(file).match(/const KNOWN = \[[\s\S]*?\];/)?.[0] ?? '', /'(\w+)'/g).sort();
    const [top, service] = [Object.keys(schema.properties), Object.keys(schema.definitions.service.properties)];
    expect(top.sort()).toEqual(known('src/env/parse-config.ts'));
    expect(service.sort()).toEqual(known('src/env/parse-service.ts'));
    expect([...top, ...service].filter((field) => !page.includes(`| \`${field}\``))).toEqual([]);
  });

  it('explains every command and its flags', () => {
    const source = read('src/cli/env/commands.ts');
    const commands = all(source, /\.command\('([a-z]+) ?/g).filter((name) => name !== 'env');
    const flags = all(source, /'(?:-[a-z], )?(--[a-z-]+)/g);
    expect(commands).toEqual(expect.arrayContaining(['status', 'init', 'check']));
    expect([...commands.map((name) => `\`env ${name}`), ...flags].filter((name) => !page.includes(name))).toEqual([]);
  });

  it('has an example that is accepted', async () => {
    const [example = ''] = all(page, /```yaml\n([\s\S]*?)```/g);
    expect((await parseConfig(example, '/shop')).services).toHaveLength(2);
  });
});
