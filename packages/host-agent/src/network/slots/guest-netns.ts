import { existsSync } from "node:fs";
import { toolShells } from "../../processes/tool-shells.ts";
import { guestNetnsName } from "../names.ts";
import type { NetworkSlot } from "../slot.ts";
import { guestLinkCommands, vethCommands } from "./commands.ts";
import { NETNS_DIR } from "./kernel.ts";
import { guardAgain } from "./rules.ts";

const TOOL_TIMEOUT_MS = 20_000;

/** $1 the slot's netns and $2 the guest's, $3 where they have their names, $4 the `ip` batch for the slot, $5 its guard. */
const MAKE = `set -e
ip netns add "$2"
ip -n "$1" -batch - <<END
$4
END
nsenter --net="$3/$1" nft -f - <<END
$5
END
`;
/** $6 the `ip` batch for the guest's end. */
const LINK = `set -e
ip -n "$2" -batch - <<END
$6
END
`;

/**
 * Gives a slot a second netns for a guest that brings a network stack of its own; answers its name. Nothing is in there but the
 * guest's link and its address, ready for a container to be made. The slot's rules hold as they are; it goes with the slot.
 */
export async function readyGuestNetns(slot: NetworkSlot): Promise<string> {
  const name = guestNetnsName(slot.netns);
  const script = existsSync(`${NETNS_DIR}/${name}`) ? LINK : MAKE + LINK;
  const link = guestLinkCommands({ hasIpv6: existsSync("/proc/sys/net/ipv6") });
  const args = [slot.netns, name, NETNS_DIR, vethCommands(name), guardAgain(), link];
  await toolShells.run("guest netns", script, args, { timeoutMs: TOOL_TIMEOUT_MS });
  return name;
}
