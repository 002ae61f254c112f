import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/support/longest-first.ts';
import { COMPILED } from './test/support/node/images.ts';
import { pathWithPython } from './test/support/python.ts';

/** For tests and the programs that they start, hundreds of times. */
const env = { ...COMPILED, PATH: pathWithPython() };
/** What is polled for on a busy machine; the default is one second. */
const expect = { poll: { timeout: 30_000 } };

/**
 * `unit` needs nothing; `property` walks and explores models; `apiserver` shares one real control plane that its global
 * setup starts once per run. One group after the other: on a small machine tests with real processes and real time limits
 * would starve each other.
 */
export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          ...{ expect, env },
          include: ['test/unit/**/*.test.ts', 'test/{mutants,faults}/**/*.test.ts'],
          testTimeout: 120_000,
          // files share processes: one for each file would cost a third of the time
          isolate: false,
          // some wait for processes and clocks for most of their time
          maxWorkers: 4,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'property',
          ...{ expect, env },
          include: ['test/property/**/*.test.ts', 'test/explore/**/*.test.ts'],
          testTimeout: 120_000,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: 'apiserver',
          ...{ expect, env },
          include: ['test/apiserver/**/*.test.ts'],
          globalSetup: ['test/support/cluster/vitest-setup.ts'],
          // as above
          isolate: false,
          testTimeout: 900_000,
          // some build Helm, Argo CD or Flux the first time, beside everything else
          hookTimeout: 1_800_000,
          // most tests wait for most of their time, but more at once would starve each other on two cores
          maxWorkers: 5,
          maxConcurrency: 3,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
