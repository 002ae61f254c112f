/**
 * What a verification costs with the keyring libraries, beside the bare JWT library in the same process (`make bench-keyring`): a
 * token of the signing key, one of the only fallback with its key id, and one of it without. The rounds of both alternate, so that
 * another load on the machine strikes both; the ratio is the median of the rounds.
 *
 *   node test/bench/keyring.ts --rounds 15 --tokens 2000
 */
import { randomBytes } from 'node:crypto';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { type Answer, type Member, type Request, startCrew } from '../support/keyring/crew.ts';
import { mint } from '../support/keyring/mint.ts';
import { Mount } from '../support/keyring/mount.ts';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '15' }, tokens: { type: 'string', default: '2000' } },
});
const rounds = Number(values.rounds);
const count = Number(values.tokens);

const [KEY, OTHER] = [randomBytes(32).toString('hex'), randomBytes(32).toString('hex')];
const FILES = { JWT_SECRET_KEY: KEY, JWT_SECRET_KEY_FALLBACKS: OTHER, JWT_KEY_ID: 'k-1' };
const now = Math.floor(Date.now() / 1000);
const tokensOf = (key: string, kid?: string): readonly string[] =>
  Array.from({ length: count }, (_, i) =>
    mint({
      header: { alg: 'HS256', typ: 'JWT', ...(kid !== undefined && { kid }) },
      payload: { sub: `user-${i}`, iat: now, exp: now + 3600, roles: ['reader', 'writer'] },
      key,
    }),
  );

/** What is compared: by title, the keyring that is asked and the tokens. */
const CASES: readonly (readonly [title: string, name: string, tokens: readonly string[]])[] = [
  ['signing key', 'env', tokensOf(KEY, 'k-1')],
  ['signing key, mounted', 'files', tokensOf(KEY, 'k-1')],
  ['fallback with its kid', 'env', tokensOf(OTHER, 'k-2')],
  ['fallback without kid', 'env', tokensOf(OTHER)],
];

await using crew = await startCrew();
using mount = new Mount();
mount.publish('1', FILES);
await crew.askAll({ op: 'load', name: 'env', env: FILES });
await crew.askAll({ op: 'mount', name: 'files', dir: mount.dir });
print(`${cpus().length} × ${cpus()[0]?.model}; ${rounds} rounds of ${count} tokens`);
for (const member of crew.members) await measure(member);
if (!crew.hasPython) print('not measured: Python, whose libraries come from Debian (apt-get download)');

async function measure(member: Member): Promise<void> {
  for (const [title, name, tokens] of CASES) {
    const key = tokens === CASES[0]![2] || name === 'files' ? KEY : OTHER;
    const bare = { op: 'bare', name, tokens, key } as const;
    const ours = { op: 'bench', name, tokens } as const;
    await microseconds(member, bare);
    await microseconds(member, ours);
    const pairs: (readonly [number, number])[] = [];
    for (let round = 0; round < rounds; round += 1) {
      pairs.push([await microseconds(member, bare), await microseconds(member, ours)]);
    }
    const [first, second] = [median(pairs.map(([a]) => a)), median(pairs.map(([, b]) => b))];
    const ratio = median(pairs.map(([a, b]) => b / a));
    print(
      `${member.title}; ${title}: bare ${first.toFixed(1)} µs, keyring ${second.toFixed(1)} µs, ratio ${ratio.toFixed(2)}`,
    );
  }
}

/** @returns how long one token takes */
async function microseconds(member: Member, request: Request): Promise<number> {
  const { seconds, error }: Answer = await member.ask(request);
  if (seconds === undefined) throw new Error(`${member.title}: ${error}`);
  return (seconds / count) * 1e6;
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
