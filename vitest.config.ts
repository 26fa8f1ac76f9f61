import { existsSync } from "node:fs";
import { defineConfig, type TestProjectConfiguration } from "vitest/config";

/**
 * One project for each kind of test. `npm test` runs them all; `vitest --project unit` one of them. What drives virtual
 * machines runs one file after the other: on two cores, what one file measures another would disturb.
 */
const VM_TEST_TIMEOUT_MS = 120_000;
const VM_HOOK_TIMEOUT_MS = 300_000;

function project(name: string, include: string[], options: Record<string, unknown> = {}): TestProjectConfiguration {
  return { test: { name, include, pool: "forks", ...options } };
}

/**
 * Emulated guests share two cores with whatever else the machine does. A case that failed is run once more, and the report
 * says so; one that fails twice fails.
 */
const VM_RETRIES = 1;

const vm = {
  fileParallelism: false,
  testTimeout: VM_TEST_TIMEOUT_MS,
  hookTimeout: VM_HOOK_TIMEOUT_MS,
  retry: VM_RETRIES,
};

/** Projects with a set-up of their own (a database, a running server) keep their configuration beside their tests. */
const own = [
  "packages/control-plane/vitest.config.ts",
  "tests/authorisation/vitest.config.ts",
  "tests/e2e/vitest.config.ts",
  "tests/e2e/vitest.microvm.config.ts",
  "tests/crash/vitest.config.ts",
].filter((path) => existsSync(new URL(path, import.meta.url)));

export default defineConfig({
  test: {
    reporters: ["default", "./tests/report/second-tries.ts"],
    projects: [
      project("unit", ["packages/*/tests/**/*.test.ts"], {
        exclude: ["packages/control-plane/tests/**", "packages/host-agent/tests/network/**", "**/node_modules/**"],
        testTimeout: 20_000,
        hookTimeout: 60_000,
      }),
      // Network namespaces, rules and links of the real kernel, a world for each file: needs root, takes seconds.
      project("network", ["packages/host-agent/tests/network/**/*.test.ts"], {
        testTimeout: 60_000,
        hookTimeout: 60_000,
      }),
      project("architecture", ["tests/architecture/**/*.test.ts"]),
      // Programs that templates of the catalogue bring, run here.
      project("catalogue", ["tests/catalogue/**/*.test.ts"], { testTimeout: 60_000 }),
      project("conformance-fake", ["tests/conformance/fake.test.ts"], { testTimeout: 30_000 }),
      project("conformance-gvisor", ["tests/conformance/gvisor*.test.ts"], { ...vm, retry: 0 }),
      project("conformance-qemu", ["tests/conformance/qemu*.test.ts"], vm),
      ...own,
    ],
  },
});
