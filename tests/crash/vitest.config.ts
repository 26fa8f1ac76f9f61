import { defineConfig } from "vitest/config";

/** A server of its own in each file, killed again and again. A round is repeated by its seed, not by trying again. */
export default defineConfig({
  test: {
    name: "crash",
    root: new URL("../..", import.meta.url).pathname,
    include: ["tests/crash/**/*.test.ts"],
    // Above what a round's own waits come to (all up again, restarts, all at rest): those say what is missing.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    fileParallelism: false,
  },
});
