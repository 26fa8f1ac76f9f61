import { untilDone, type Json } from "./client.ts";
import type { CrashRuntime, CrashServer } from "./server.ts";

const all = ["microvm", "gvisor"] as const satisfies CrashRuntime[];

/** What rounds are played on: both, or the one that `PANDASTACK_CRASH_RUNTIME` names. */
export const crashRuntimes: readonly CrashRuntime[] = choose(process.env["PANDASTACK_CRASH_RUNTIME"]);

function choose(named: string | undefined): readonly CrashRuntime[] {
  if (named === undefined || named === "") return all;
  const found = all.find((one) => one === named);
  if (found === undefined) throw new Error(`PANDASTACK_CRASH_RUNTIME is "${named}"; it is one of ${all.join(", ")}`);
  return [found];
}

/** A host that cannot have gVisor goes on with microVMs: rounds on those would say nothing about it. */
export async function expectRuntime(server: CrashServer): Promise<void> {
  if (server.runtime !== "gvisor") return;
  const [host]: Json[] = await untilDone(server, { method: "GET", path: "/v1/hosts" });
  const gvisor = host.runtimes.find((one: Json) => one.name === "gvisor");
  if (!gvisor?.available) throw new Error(`this host has no gVisor: ${gvisor?.reason}`);
}
