import { expect, it } from "vitest";
import { takenBy } from "../../src/network/host/host.ts";

const route = (dst: string, dev: string) => ({ dst, dev });
const there = (dev: string): boolean => dev === "if7";

it("sees a foreign route into the slots' network, and neither a slot's nor one that has just gone with its link", () => {
  expect(takenBy([], there)).toBeUndefined();
  expect(takenBy([route("10.200.0.32/30", "ps12ab-4"), route("10.201.0.0/16", "eth1")], there)).toBeUndefined();
  expect(takenBy([route("10.200.0.33", "if9316")], there)).toBeUndefined();
  expect(takenBy([route("10.200.0.33", "if7")], there)).toEqual(route("10.200.0.33", "if7"));
  expect(takenBy([route("10.200.0.32/30", "ps12ab-4"), route("10.200.4.0/24", "docker0")], there)?.dev).toBe("docker0");
});
