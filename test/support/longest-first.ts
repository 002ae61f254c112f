/**
 * The order of test files: those that wait longest begin first, so that no single one is waited for at the end. Vitest knows how
 * long a file took only where it has run before, and a fresh clone has not.
 */

import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The longest by far, longest first, as `make test` lists them. */
const LONGEST = [
  ...['apiserver/bad-input', 'apiserver/holds', 'apiserver/rotation', 'apiserver/rollouts', 'apiserver/faults'],
  ...['apiserver/command-rotate', 'apiserver/command-requests', 'apiserver/command-trouble', 'apiserver/preflight'],
  ...['apiserver/ways', 'apiserver/fleet', 'apiserver/trio'],
  ...['apiserver/refused-writes', 'apiserver/campaign', 'apiserver/clocks', 'apiserver/apply', 'apiserver/ledger'],
  ...['unit/env/rotation', 'unit/env/cut-off', 'unit/traffic/rotation', 'unit/env/one-key', 'unit/examples/service'],
  ...['unit/keyring/reload', 'unit/runtime/http', 'unit/rotation/secret/canary-sender', 'unit/traffic/traffic'],
];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => {
      const found = LONGEST.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`));
      return found === -1 ? LONGEST.length : found;
    };
    const others = await super.sort(files);
    return others.toSorted((a, b) => place(a) - place(b));
  }
}
