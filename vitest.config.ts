import { defineConfig } from 'vitest/config';

/** `unit` needs nothing; `apiserver` shares one real control plane that its global setup starts once per run. */
export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'], testTimeout: 30_000 } },
      {
        test: {
          name: 'property',
          include: ['test/property/**/*.test.ts', 'test/explore/**/*.test.ts'],
          testTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'apiserver',
          include: ['test/apiserver/**/*.test.ts'],
          globalSetup: ['test/support/cluster/vitest-setup.ts'],
          testTimeout: 240_000,
          hookTimeout: 240_000,
        },
      },
    ],
  },
});
