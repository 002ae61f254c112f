/** Commands in messages: whoever reads one can paste it. */
import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { rekeyCommand } from '../../../src/cli/pasted.ts';

const source = resolve(import.meta.dirname, '../../../src/cli');

describe('a command in a message', () => {
  it('has name and namespace, and steers no terminal', () => {
    const metadata = { name: 'my-jwt', namespace: 'shop' };
    expect(rekeyCommand('check', { metadata })).toBe('kubectl rekey check my-jwt -n shop');
    expect(rekeyCommand('check', { metadata }, '--canary')).toBe('kubectl rekey check my-jwt -n shop --canary');
    expect(rekeyCommand('check', { metadata: { name: '\u001b[2J', namespace: '' } })).not.toContain('\u001b');
  });

  it('is never written without its namespace', () => {
    const lines = globSync('**/*.ts', { cwd: source }).flatMap((file) => {
      return readFileSync(join(source, file), 'utf8')
        .split('\n')
        .map((line) => `${file}: ${line}`);
    });
    const isCode = (line: string) => !/: *(?:\*|\/\*|\/\/)/.test(line);
    const commands = lines.filter((line) => isCode(line) && /kubectl rekey [a-z]/.test(line));
    expect(commands.length).toBeGreaterThan(5);
    // these read a file, or are told of by the completion
    const whole = commands.filter(
      (line) => !/verify-audit -|rekey itself is completed|\(kubectl rekey only\)/.test(line),
    );
    expect(whole.filter((line) => !/ -n |\$\{place\}/.test(line))).toEqual([]);
  });
});
