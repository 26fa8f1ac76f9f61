import { mergeConfig } from "vitest/config";
import e2e from "./vitest.config.ts";

/**
 * What differs by what isolates a sandbox, once more on virtual machines, emulated or not: where KVM does not work, the other
 * files' sandboxes are on gVisor.
 */
const config = mergeConfig(e2e, {
  test: { name: "e2e-microvm", env: { PANDASTACK_RUNTIME: "microvm" } },
});
config.test.include = [
  "tests/e2e/{contract,crash,lifecycle,own-root,published-library,sdk,volumes}.test.ts",
  "tests/security/{jail,limits,network,network-policy,privileges}.test.ts",
];
export default config;
