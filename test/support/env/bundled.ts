import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { build } from 'esbuild';

/** By the hash of what is in them, so that Node finds them compiled in the next run too; `npm ci` removes them. */
const FOLDER = join(import.meta.dirname, '..', '..', '..', 'node_modules', '.cache', 'rekey');

const bundles = new Map<string, Promise<string>>();

/**
 * @param name of a program, as a path from this folder without `.ts`; in one file it starts in a fraction of the time
 * @returns the path of that file
 */
export function bundled(name: string): Promise<string> {
  const bundle = bundles.get(name) ?? write(name);
  bundles.set(name, bundle);
  return bundle;
}

async function write(name: string): Promise<string> {
  const entryPoints = [join(import.meta.dirname, `${name}.ts`)];
  // CommonJS dependencies ask for require
  const js = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";
  const options = { bundle: true, platform: 'node', format: 'esm', logLevel: 'error', banner: { js } } as const;
  const { outputFiles } = await build({ entryPoints, write: false, ...options });
  const contents = outputFiles[0]?.contents ?? '';
  const folder = join(FOLDER, createHash('sha256').update(contents).digest('hex').slice(0, 16));
  const path = join(folder, `${basename(name)}.mjs`);
  if (existsSync(path)) return path;
  mkdirSync(folder, { recursive: true });
  const made = `${path}.${process.pid}`;
  writeFileSync(made, contents);
  renameSync(made, path);
  return path;
}
