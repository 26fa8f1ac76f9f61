import { defineConfig } from "vitest/config";

/** Builds the catalogue on a server that runs: minutes, and the network. Not part of `npm test`: `npm run test:templates`. */
const BUILD_TIMEOUT_MS = 3_600_000;

export default defineConfig({
  test: {
    name: "templates",
    include: ["tests/templates/**/*.test.ts"],
    fileParallelism: false,
    testTimeout: BUILD_TIMEOUT_MS,
    hookTimeout: BUILD_TIMEOUT_MS,
  },
});
