/**
 * The calls and events of one rotation without any fault, as a learn run found them: what plans are made of.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Workload } from './plan.ts';

/** How often a signature occurs in a phase. */
export interface Count {
  readonly what: string;
  readonly phase: string;
  readonly count: number;
}

export interface Rotation {
  /** Requests that the API server answered. */
  readonly calls: number;
  /** In the order in which they first came. */
  readonly requests: readonly Count[];
  readonly lines: readonly Count[];
}

/** One for each workload. */
export type Reference = Readonly<Record<Workload, Rotation>>;

export const REFERENCE_FILE = join(import.meta.dirname, 'reference.json');

export const REFERENCE: Reference = JSON.parse(readFileSync(REFERENCE_FILE, 'utf8')) as Reference;
