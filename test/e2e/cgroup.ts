/** The folder of a node's cgroups: below it the kubelet makes those of pods. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../support/scenario/until.ts';
import { CGROUPS } from './machine.ts';

const isVersion2 = (): boolean => existsSync(join(CGROUPS, 'cgroup.controllers'));

/** Of version 1 each controller has a tree of its own. */
function roots(): readonly string[] {
  if (isVersion2()) return [CGROUPS];
  const all = readdirSync(CGROUPS).map((name) => join(CGROUPS, name));
  return all.filter((root) => existsSync(join(root, 'cgroup.procs')));
}

/** Of a node of this process. */
export const cgroupOf = (pid: number): string => `rekey-e2e-${pid}`;

/** Removes what nodes left whose process was killed. */
function sweep(root: string): void {
  const left = readdirSync(root).filter((name) => /^rekey-e2e-\d+$/.test(name));
  const dead = left.filter((name) => !existsSync(join('/proc', name.slice('rekey-e2e-'.length))));
  for (const name of dead) removeTree(join(root, name));
}

/** Makes a folder below each root; one that is there stays. */
export function makeCgroup(name: string): void {
  for (const root of roots()) sweep(root);
  for (const root of roots()) mkdirSync(join(root, name), { recursive: true });
  if (!isVersion2()) return;
  for (const folder of [CGROUPS, join(CGROUPS, name)]) {
    const controllers = readFileSync(join(folder, 'cgroup.controllers'), 'utf8').trim().split(' ');
    writeFileSync(join(folder, 'cgroup.subtree_control'), controllers.map((controller) => `+${controller}`).join(' '));
  }
}

/** Removes the folders of processes that have ended. The kernel may need a moment for that. */
export async function freeCgroup(name: string): Promise<void> {
  await until(
    `the cgroups ${name} are empty`,
    async () => {
      for (const root of roots()) removeTree(join(root, name));
      return roots().every((root) => !existsSync(join(root, name)));
    },
    { timeoutMs: 10_000, everyMs: 100 },
  );
}

function removeTree(folder: string): void {
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder, { withFileTypes: true }))
    if (entry.isDirectory()) removeTree(join(folder, entry.name));
  try {
    rmdirSync(folder);
  } catch {
    // asked again
  }
}
