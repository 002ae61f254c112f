/** Messages that people see have commands that can be pasted. */
import { globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { withNames } from '../../../../src/rotation/report/commands.ts';

const resource = { metadata: { name: 'my-$&-jwt', namespace: 'shop' }, spec: { secretName: 's', targets: [] } };

describe('commands in messages', () => {
  const rows: readonly (readonly [string, string])[] = [
    ['(kubectl rekey rotate NAME)', '(kubectl rekey rotate my-$&-jwt -n shop)'],
    ['kubectl rekey check NAME --canary shows it', 'kubectl rekey check my-$&-jwt -n shop --canary shows it'],
    ['kubectl delete pod a-1 -n NAMESPACE', 'kubectl delete pod a-1 -n shop'],
    ["kubectl rekey emergency other -n shop --reason 'NAME'", "kubectl rekey emergency other -n shop --reason 'NAME'"],
    ['NAME and NAMESPACE stay', 'NAME and NAMESPACE stay'],
  ];
  it.each(rows)('%s', (message, expected) => {
    expect(withNames(message, resource as never)).toBe(expected);
  });

  it('name the resource wherever the operator writes one', () => {
    const texts = globSync('src/rotation/**/*.ts').map((path) => readFileSync(path, 'utf8'));
    const commands = texts.flatMap((text) => text.match(/kubectl rekey [a-z-]+(?! \(| \||`| \*\/).{0,8}/g) ?? []);
    expect(commands.length).toBeGreaterThan(4);
    const nameless = commands.filter((command) => !/^kubectl rekey [a-z-]+ (?:NAME\b|\$\{)/.test(command));
    expect(nameless).toEqual([]);
  });
});
