import { setFlagsFromString } from 'node:v8';

/**
 * Lets V8 collect garbage whenever the heap has grown by a fifth. With many resources the operator takes less memory then, and more processor time
 * while it looks at all of them at its start: docs/scale.md.
 *
 * Not a flag of the process: V8 refuses what was compiled beforehand with other flags than it has.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--heap-growing-percent=20');
}
