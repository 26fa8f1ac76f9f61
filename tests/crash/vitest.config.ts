import { defineConfig } from "vitest/config";

/** A server of its own in each file, killed again and again. A round is repeated by its seed, not by trying again. */
export default defineConfig({
  test: {
    name: "crash",
    root: new URL("../..", import.meta.url).pathname,
    include: ["tests/crash/**/*.test.ts"],
    testTimeout: 120_000,
    hookTimeout: 300_000,
    fileParallelism: false,
  },
});
