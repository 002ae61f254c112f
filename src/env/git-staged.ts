/** Reads what the next commit would hold. */
import { lineOf, partsOf, run, whyOf } from './git-run.ts';

/** A file as the next commit would hold it. */
export interface StagedBlob {
  /** From the root of the repository. */
  readonly path: string;
  /** Undefined if it is larger than the limit. */
  readonly bytes: Buffer | undefined;
}

const MAX_BLOB_BYTES = 4 * 1024 * 1024;
const MAX_STAGED = 5_000;
/** Objects in one batch: together they must stay below the limit of Git's output. */
const BATCH = 15;

/** @returns whether there is a commit yet */
export async function hasCommit(root: string): Promise<boolean> {
  return (await run(root, ['rev-parse', '--verify', '--quiet', 'HEAD'], { inHook: true })).code === 0;
}

/**
 * The files that the next commit changes or adds. In a hook it reads the index of the hook.
 *
 * @param root of the repository
 * @throws Error with the message of Git
 */
export async function stagedBlobs(
  root: string,
): Promise<{ readonly blobs: readonly StagedBlob[]; readonly rest: number }> {
  const args = [
    'diff',
    '--cached',
    '--raw',
    '-z',
    '--no-abbrev',
    '--no-renames',
    '--diff-filter=d',
    '--ignore-submodules',
  ];
  const { code, out, said } = await run(root, args, { inHook: true });
  if (code !== 0) throw new Error(`git diff --cached: ${whyOf(said)}`);
  const fields = partsOf(out);
  // `:100644 100644 OLD NEW M`, then the path
  const staged = fields.flatMap((field, i) => {
    const [, , , id] = field.startsWith(':') ? field.split(' ') : [];
    return id === undefined ? [] : [{ id, path: fields[i + 1] ?? '' }];
  });
  const looked = staged.slice(0, MAX_STAGED);
  const contents = await contentsOf(root, [...new Set(looked.map(({ id }) => id))]);
  const blobs = looked.map(({ id, path }) => ({ path, bytes: contents.get(id) }));
  return { blobs, rest: staged.length - looked.length };
}

async function contentsOf(root: string, ids: readonly string[]): Promise<ReadonlyMap<string, Buffer>> {
  const lines = (some: readonly string[]) => some.map((id) => `${id}\n`).join('');
  const sizes = await run(root, ['cat-file', '--batch-check'], { inHook: true, input: lines(ids) });
  if (sizes.code !== 0) throw new Error(`git cat-file: ${whyOf(sizes.said)}`);
  const described = lineOf(sizes.out)
    .split('\n')
    .map((line) => line.split(' '));
  const small = described.flatMap(([id = '', type, size]) => {
    return type === 'blob' && Number(size) <= MAX_BLOB_BYTES ? [id] : [];
  });
  const contents = new Map<string, Buffer>();
  for (let i = 0; i < small.length; i += BATCH) {
    const batch = await run(root, ['cat-file', '--batch'], { inHook: true, input: lines(small.slice(i, i + BATCH)) });
    if (batch.code !== 0) throw new Error(`git cat-file: ${whyOf(batch.said)}`);
    for (const [id, bytes] of objectsIn(batch.out)) contents.set(id, bytes);
  }
  return contents;
}

/** Each as `ID blob SIZE`, a newline, the bytes, a newline. */
function* objectsIn(out: Buffer): Generator<readonly [id: string, bytes: Buffer]> {
  let at = 0;
  while (at < out.length) {
    const end = out.indexOf('\n', at);
    const [id = '', , size] = out.toString('utf8', at, end).split(' ');
    at = end + 1 + Number(size);
    yield [id, out.subarray(end + 1, at)];
    at += 1;
  }
}
