/** What is said where a resource is not there: what there is instead, or that rekey is not installed. */
import { describe, expect, it } from 'vitest';
import { runCommand } from '../../../src/cli/cluster-commands.ts';
import type { Terminal } from '../../../src/cli/terminal.ts';
import type { KubeClient } from '../../../src/kube/client.ts';
import { KubeError, type KubeErrorCode } from '../../../src/kube/errors.ts';
import { Operations } from '../../../src/rotation/people/operations.ts';

const refusal = (code: KubeErrorCode, resource = 'jwtkeyrotations') => new KubeError({ verb: 'get', resource, code });

/** @param listed the names in the namespace, or what the list ends with */
function operationsOf(listed: readonly string[] | KubeErrorCode): Operations {
  const none = () => Promise.reject(refusal('NotFound'));
  const client = {
    ...{ get: none, mergePatch: none, create: () => Promise.reject(refusal('Forbidden', 'selfsubjectreviews')) },
    list: async () => {
      if (typeof listed === 'string') throw refusal(listed);
      return { items: listed.map((name) => ({ metadata: { name } })) };
    },
  } as unknown as KubeClient;
  const unused = {} as never;
  return new Operations({ client, clock: unused, log: unused, namespace: 'shop', serverTime: () => 0 });
}

async function ran(args: readonly string[], operations: Operations): Promise<string> {
  let said = '';
  const print = (text: string) => {
    said += text;
  };
  const terminal: Terminal = {
    ...{ print, printErr: print, clear: () => undefined, closed: () => false, interactive: false },
    ...{ question: async () => '', now: () => 0 },
  };
  return `${await runCommand(args, { terminal, connect: () => operations })} ${said}`;
}

describe('a name of nothing', () => {
  it.each<[string, readonly string[] | KubeErrorCode, string]>([
    ['names the one that is there', ['jwt'], 'no JwtKeyRotation jwtt in namespace shop; there is jwt\n'],
    ['names those that are there', ['a', 'b'], 'namespace shop; there are a, b\n'],
    ['names five at most', ['a', 'b', 'c', 'd', 'e', 'f', 'g'], 'there are a, b, c, d, e and 2 more\n'],
    ['leads to the namespace', [], 'no JwtKeyRotation jwtt in namespace shop; there is none in it: check -n\n'],
    ['says that rekey is not installed', 'NotFound', 'rekey is not installed in this cluster'],
    ['says what the API server said where nobody may list', 'Forbidden', 'get jwtkeyrotations: NotFound'],
  ])('%s', async (_, listed, text) => {
    expect(await ran(['status', 'jwtt'], operationsOf(listed))).toContain(text);
    expect(await ran(['pause', 'jwtt'], operationsOf(listed))).toContain(text);
  });

  it('is not needed to hear that rekey is not installed', async () => {
    expect(await ran(['status'], operationsOf('NotFound'))).toMatch(/^1 rekey is not installed .*deploy\/base\n$/);
  });
});

it.each(['jkr/jwtt', 'jwtkeyrotation/jwtt', 'jwtkeyrotations.rekey.dev/jwtt'])(
  'a name is taken as kubectl takes it: %s',
  async (name) => {
    expect(await ran(['status', name], operationsOf([]))).toContain('no JwtKeyRotation jwtt in');
  },
);
