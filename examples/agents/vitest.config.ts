import { defineConfig } from "vitest/config";

/**
 * The adapters with the packages that they are for, and no model. Not part of `npm test`, for what there is to install:
 * `npm run test:adapters` does that, and then this.
 */
export default defineConfig({
  test: {
    name: "adapters",
    root: new URL(".", import.meta.url).pathname,
    include: ["*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
