import { expect, it } from "vitest";
import { isOneOf } from "../src/commands/events.ts";
import { cpuPercent, type Row, toTable, traffic } from "../src/commands/top.ts";
import { formatDuration } from "../src/output.ts";

function row(id: string, atMs: number, given: { cpuSeconds: number; sent?: number; pid?: number }): Row {
  return {
    sandbox: { id, status: "running" },
    lifecycle: { idle_seconds: 90 },
    atMs,
    metrics: {
      pid: given.pid ?? 7,
      uptime_seconds: 100,
      host_cpu_percent: given.cpuSeconds,
      host_cpu_seconds: given.cpuSeconds,
      host_rss_bytes: 30_000_000,
      host_vsz_bytes: 0,
      threads: 0,
      network: {
        sent_packets: 1,
        sent_bytes: given.sent ?? 0,
        received_packets: 0,
        received_bytes: 0,
        refused_packets: 0,
      },
      guest: { memory_total_bytes: 500_000_000, memory_available_bytes: 400_000_000, processes: 3 },
    },
  };
}

it("measures processor and network since the look before, and from the start where there was none", () => {
  const [before, now] = [row("a", 1000, { cpuSeconds: 5, sent: 1000 }), row("a", 3000, { cpuSeconds: 6, sent: 5000 })];
  expect(cpuPercent(now, before)).toBe(50);
  expect(cpuPercent(now, undefined)).toBe(6);
  expect(traffic(now, before, "sent_bytes")).toBe("2.0 kB/s");
  expect(traffic(now, undefined, "sent_bytes")).toBe("5.0 kB");
  // It has slept and was woken in another process, whose time begins anew.
  const woken = row("a", 5000, { cpuSeconds: 1, pid: 8 });
  expect(cpuPercent(woken, now)).toBe(1);
});

it("puts who uses most at the top", () => {
  const before = new Map([["busy", row("busy", 0, { cpuSeconds: 0 })]]);
  const text = toTable([row("idle", 2000, { cpuSeconds: 1 }), row("busy", 2000, { cpuSeconds: 2 })], before);
  const [header = "", first = "", second = ""] = text.split("\n");
  expect(header).toMatch(/^ID .*CPU %.*SENT +RECEIVED +IDLE$/);
  expect(first).toMatch(/^busy +running +100\.0 +30\.0 MB +100\.0 MB of 500\.0 MB +- +3 +0 B\/s +0 B\/s +1m$/);
  expect(second).toMatch(/^idle .* 1\.0 .* 0 B +0 B +1m$/);
});

it("says how long, in few letters", () => {
  expect([0, 59, 60, 3599, 3600, 86_399, 200_000, -5, NaN].map(formatDuration)).toEqual([
    "0s",
    "59s",
    "1m",
    "59m",
    "1h",
    "23h",
    "2d",
    "0s",
    "-",
  ]);
});

it("tells events by their type, or by what it begins with", () => {
  expect(isOneOf(["vm.died"], "vm.died")).toBe(true);
  expect(isOneOf(["vm.died"], "vm.died.twice")).toBe(false);
  expect(isOneOf(["egress.", "vm.died"], "egress.refused")).toBe(true);
  expect(isOneOf(["vm"], "vm.died")).toBe(false);
});
