import { defineConfig } from "vitest/config";

/** What is packed of the SDK, on every runtime that it promises: `npm run test:runtimes`. Fetches those runtimes, once. */
export default defineConfig({
  test: {
    name: "runtimes",
    root: new URL("../..", import.meta.url).pathname,
    include: ["tests/runtimes/**/*.test.ts"],
    globalSetup: ["packages/control-plane/tests/support/global-setup.ts"],
    testTimeout: 120_000,
    // Two archives of 40 MB each.
    hookTimeout: 600_000,
  },
});
