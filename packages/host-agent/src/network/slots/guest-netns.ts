import { existsSync } from "node:fs";
import { run } from "../../processes/run.ts";
import { guestNetnsName } from "../names.ts";
import type { NetworkSlot } from "../slot.ts";
import { guestLinkCommands, vethCommands } from "./commands.ts";
import { NETNS_DIR } from "./kernel.ts";
import { guardAgain } from "./rules.ts";

const TOOL_TIMEOUT_MS = 20_000;

/**
 * Gives a slot a second netns for a guest that brings a network stack of its own; answers its name. Nothing is in there but the
 * guest's link and its address, ready for a container to be made. The slot's rules hold as they are; it goes with the slot.
 */
export async function readyGuestNetns(slot: NetworkSlot): Promise<string> {
  const name = guestNetnsName(slot.netns);
  if (!existsSync(`${NETNS_DIR}/${name}`)) {
    await ip([], `netns add ${name}\n`);
    await ip(["-n", slot.netns], vethCommands(name));
    const inside = `--net=${NETNS_DIR}/${slot.netns}`;
    await run("nsenter", [inside, "nft", "-f", "-"], { timeoutMs: TOOL_TIMEOUT_MS, input: guardAgain() });
  }
  await ip(["-n", name], guestLinkCommands({ hasIpv6: existsSync("/proc/sys/net/ipv6") }));
  return name;
}

const ip = (where: readonly string[], batch: string): Promise<unknown> =>
  run("ip", [...where, "-batch", "-"], { timeoutMs: TOOL_TIMEOUT_MS, input: batch });
