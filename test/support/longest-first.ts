/**
 * The order of test files: those that wait longest begin first, so that no single one is waited for at the end. Vitest knows how
 * long a file took only where it has run before, and a fresh clone has not.
 */

import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The longest by far, longest first, as `make test` lists them. */
const LONGEST = [
  ...['apiserver/apply', 'apiserver/bad-input', 'apiserver/holds', 'apiserver/gitops-commits', 'apiserver/rotation'],
  ...['apiserver/shards', 'apiserver/rollouts', 'apiserver/faults', 'apiserver/refused-writes', 'apiserver/preflight'],
  ...['apiserver/ways', 'apiserver/clocks', 'apiserver/fleet', 'apiserver/campaign', 'apiserver/trio'],
  ...['apiserver/chart-release', 'apiserver/evidence', 'apiserver/watching', 'apiserver/command-trouble'],
  ...['apiserver/command-rotate', 'apiserver/ledger', 'apiserver/gitops', 'apiserver/command-requests'],
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
