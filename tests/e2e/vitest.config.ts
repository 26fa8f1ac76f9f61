import { defineConfig } from "vitest/config";

/** Against a running server, with real VMs: a create in emulation takes tens of milliseconds, a Python start in one half a second. */
export default defineConfig({
  test: {
    name: "e2e",
    root: new URL("../..", import.meta.url).pathname,
    include: ["tests/e2e/**/*.test.ts", "tests/security/**/*.test.ts"],
    globalSetup: ["tests/e2e/support/global-setup.ts"],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // As in the VM projects of the root configuration: once more on a busy machine, and the report says so.
    retry: 1,
    // Files share one machine: what one measures, another would disturb.
    fileParallelism: false,
  },
});
