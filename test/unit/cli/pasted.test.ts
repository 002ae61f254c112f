/** Commands in messages: whoever reads one can paste it. */
import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { runCommand } from '../../../src/cli/cluster-commands.ts';
import { carryConnection, clusterFlags, rekeyCommand } from '../../../src/cli/pasted.ts';
import type { Terminal } from '../../../src/cli/terminal.ts';
import type { Operations } from '../../../src/rotation/people/operations.ts';

const source = resolve(import.meta.dirname, '../../../src/cli');

describe('a command in a message', () => {
  it('has name and namespace, and steers no terminal', () => {
    const metadata = { name: 'my-jwt', namespace: 'shop' };
    expect(rekeyCommand('check', { metadata })).toBe('kubectl rekey check my-jwt -n shop');
    expect(rekeyCommand('check', { metadata }, '--canary')).toBe('kubectl rekey check my-jwt -n shop --canary');
    expect(rekeyCommand('check', { metadata: { name: '\u001b[2J', namespace: '' } })).not.toContain('\u001b');
  });

  it('reaches the same cluster by the same rights as the command that says it', () => {
    const metadata = { name: 'my-jwt', namespace: 'shop' };
    onTestFinished(() => carryConnection({}));
    carryConnection({
      context: 'prod',
      kubeconfig: "a b/it's",
      namespace: 'x',
      as: 'ada',
      asGroup: ['g', 'h'],
      asUid: '7',
    });
    expect(rekeyCommand('check', { metadata }, '--canary')).toBe(
      String.raw`kubectl rekey check my-jwt -n shop --kubeconfig 'a b/it'\''s' --context prod --as ada --as-group g --as-group h --as-uid 7 --canary`,
    );
    expect(rekeyCommand('status', { metadata: { namespace: 'shop' } })).toMatch(/^kubectl rekey status -n shop --kube/);
    expect(clusterFlags()).toBe(String.raw` --kubeconfig 'a b/it'\''s' --context prod`);
    carryConnection({});
    expect([rekeyCommand('check', { metadata }), clusterFlags()]).toEqual(['kubectl rekey check my-jwt -n shop', '']);
  });

  it('takes them from the command line, in every message', async () => {
    onTestFinished(() => carryConnection({}));
    const resource = {
      metadata: { name: 'my-jwt', namespace: 'shop', annotations: {} },
      spec: { maxTokenTTL: '1h', suspend: true, retire: { mode: 'Eager' }, targets: [] },
      status: { phase: 'Steady', keysetVersion: 1 },
    };
    const operations = {
      ...{ namespace: 'shop', leadership: async () => ({ kind: 'Nobody', since: 0 }), get: async () => resource },
      ask: async (_: string, patch: { readonly metadata: object }) => merged(resource, patch),
    } as unknown as Operations;
    let said = '';
    const note = (text: string) => {
      said += text;
    };
    const terminal: Terminal = {
      ...{ print: note, printErr: note, closed: () => false, interactive: false },
      ...{ question: async () => '', now: () => 0 },
    };
    const words = ['rotate', 'my-jwt', '--context', 'prod'];
    expect([await runCommand(words, { terminal, connect: () => operations }), said]).toEqual([0, expect.anything()]);
    const commands = said.match(/kubectl [^:;\n]+/g) ?? [];
    expect(commands.length).toBeGreaterThan(1);
    expect(commands.filter((command) => !command.includes(' --context prod'))).toEqual([]);
  });

  it('is written by one function only', () => {
    const lines = globSync('**/*.ts', { cwd: source }).flatMap((file) => {
      return readFileSync(join(source, file), 'utf8')
        .split('\n')
        .map((line) => `${file}: ${line}`);
    });
    const isCode = (line: string) => !/: *(?:\*|\/\*|\/\/)/.test(line);
    const commands = lines.filter((line) => isCode(line) && /kubectl (?:rekey )?[a-z]+ /.test(line));
    expect(commands.length).toBeGreaterThan(5);
    // these read a file, are a page for others, or say how a command is used
    const usual = /verify-audit -|rekey itself is completed|\(kubectl rekey only\)|NAMESPACE/;
    expect(commands.filter((line) => !usual.test(line) && !line.includes('clusterFlags()'))).toEqual([]);
  });
});

function merged<T extends { readonly metadata: object }>(resource: T, patch: { readonly metadata: object }): T {
  return { ...resource, metadata: { ...resource.metadata, ...patch.metadata } };
}
