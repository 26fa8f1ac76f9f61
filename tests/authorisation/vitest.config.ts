import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    name: "authorisation",
    include: ["*.test.ts"],
    globalSetup: ["../../packages/control-plane/tests/support/global-setup.ts"],
    pool: "forks",
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
