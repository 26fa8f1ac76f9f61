import { expect, it } from "vitest";
import { cpuFeatures } from "../src/processes/cpu-features.ts";

const cpuinfo = (flags: string): string =>
  `processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: ${flags}\nbugs\t\t: none\n`;

it("names what programs may use, in an order of its own", () => {
  expect(cpuFeatures(cpuinfo("sse2 fpu avx2 amx_tile"))).toEqual(["amx_tile", "avx2", "fpu", "sse2"]);
});

it("leaves out what only kernels use and what a kernel makes up: another kernel says others", () => {
  expect(cpuFeatures(cpuinfo("sse2 vmx smep ibrs_enhanced constant_tsc hypervisor retpoline"))).toEqual(["sse2"]);
});

it("has nothing to say where the file says nothing, and something of this host", () => {
  expect(cpuFeatures("")).toEqual([]);
  expect(cpuFeatures()).toContain("sse2");
});
