import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    name: "control-plane",
    include: ["tests/**/*.test.ts"],
    globalSetup: ["tests/support/global-setup.ts"],
    testTimeout: 60_000,
    // Times of expiry and of a returning database are measured while two cores do everything else, too.
    retry: 1,
    hookTimeout: 60_000,
  },
});
