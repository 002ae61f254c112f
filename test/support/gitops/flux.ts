/** What Flux makes of a resource, by its own libraries: kstatus, and the expressions of a Kustomization. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { load } from 'js-yaml';
import { findOrBuild } from '../cluster/binary.ts';
import type { GoProgram } from '../cluster/build.ts';

/** To build it from Flux's modules takes minutes: only where somebody asks for it. */
const flux: GoProgram = {
  what: "Flux's engine",
  ...{ source: join(import.meta.dirname, 'flux'), entry: '.', linkerFlags: '-s -w' },
};

/** @param log receives progress */
export function findFlux(log: (line: string) => void): Promise<string> {
  return findOrBuild('flux', flux, log);
}

export interface Judgement {
  readonly kstatus: string;
  readonly byExpressions?: string;
  readonly error?: string;
}

interface Expressions {
  readonly kind: string;
  readonly failed: string;
  readonly current: string;
}

const FILE = join(import.meta.dirname, '..', '..', '..', 'deploy', 'gitops', 'flux', 'kustomization.yaml');

/** @returns the expressions of the manifest that the page shows */
function expressions(): Expressions | undefined {
  const { spec } = load(readFileSync(FILE, 'utf8')) as { spec: { healthCheckExprs: readonly Expressions[] } };
  return spec.healthCheckExprs.find(({ kind }) => kind === 'JwtKeyRotation');
}

/**
 * @param program see {@link findFlux}
 * @param resources with metadata and status
 */
export async function judgeByFlux(program: string, resources: readonly object[]): Promise<readonly Judgement[]> {
  const child = spawn(program, ['judge'], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(JSON.stringify({ expressions: expressions(), resources }));
  return JSON.parse(await text(child.stdout)) as Judgement[];
}
