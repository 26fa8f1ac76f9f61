import { expect, it } from "vitest";
import { isUseful, TOOLCHAINS } from "../src/artifacts/rootfs/toolchains.ts";

it.each([
  ["src/net/http/server.go", true],
  ["src/cmd/pprof/pprof.go", true],
  ["src/cmd/compiler/x.go", true],
  ["src/runtime/race/internal/amd64v1/race_linux.syso", true],
  ["src/crypto/internal/boring/syso/goboringcrypto_linux_amd64.syso", true],
  ["pkg/tool/linux_amd64/compile", true],
  ["", true],
  ["src/net/http/server_test.go", false],
  ["src/cmd/go/testdata", false],
  ["src/cmd/compile", false],
  ["src/cmd/compile/internal/ssa/op.go", false],
  ["src/runtime/race/race_linux_arm64.syso", false],
  ["src/runtime/race/internal/amd64v1/race_windows.syso", false],
])("Go's %s is in the base template: %s", (path, isIn) => {
  expect(isUseful(path)).toBe(isIn);
});

it("pins what the base template brings", () => {
  for (const { version } of Object.values(TOOLCHAINS)) expect(version).toMatch(/^\d+\.\d+\.\d+$/);
});
