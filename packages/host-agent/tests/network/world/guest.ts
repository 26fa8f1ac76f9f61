import { OPEN_NETWORK } from "@pandastack/contracts/host";
import { GATEWAY_IP, GUEST_IP, GUEST_MAC, GUEST_PREFIX_LENGTH } from "../../../src/network/addresses.ts";
import { TAP } from "../../../src/network/names.ts";
import { policyRules, slotPolicy } from "../../../src/network/policy/rules.ts";
import { gatewayCommands } from "../../../src/network/slots/commands.ts";
import { slotRules } from "../../../src/network/slots/rules.ts";
import type { NetworkSlot } from "../../../src/network/slot.ts";
import { ip, nft } from "./world.ts";

export const DROP_SLOT_RULES = "table netdev guard\ndelete table netdev guard\ntable ip slot\ndelete table ip slot\n";

/** The rules of a slot whose sandbox may reach everything that is not shut for all. */
export const openSlotRules = (number: number, maxConnections?: number): string =>
  slotRules(number, maxConnections) + policyRules(number, slotPolicy(OPEN_NETWORK, []));

/**
 * Puts a netns in the guest's place: a veth with the tap's name instead of the tap, since no VM is there to read from one.
 * Open, as the test's `acquire` leaves a slot. The guest's end has the address, MAC and route that are baked into every guest.
 */
export async function plugGuest(slot: NetworkSlot, guest: string): Promise<void> {
  await ip(
    slot.netns,
    `link del ${TAP}`,
    `link add ${TAP} type veth peer name eth0 netns ${guest}`,
    ...gatewayCommands(),
  );
  // The guard was bound to the device that is gone.
  await nft(slot.netns, DROP_SLOT_RULES + openSlotRules(slot.number));
  await ip(
    guest,
    `link set eth0 address ${GUEST_MAC} up`,
    `addr add ${GUEST_IP}/${GUEST_PREFIX_LENGTH} dev eth0`,
    `route add default via ${GATEWAY_IP}`,
  );
}

/** A slot whose own rules are gone, as if the netns were in the guest's hands: what still holds is the host's. */
export async function disarmSlot(slot: NetworkSlot): Promise<void> {
  const rules = [
    "table ip slot {",
    "  chain postrouting {",
    "    type nat hook postrouting priority srcnat; policy accept;",
    `    ip saddr ${GUEST_IP} oifname "up0" snat to ${slot.hostIp}`,
    "  }",
    "}",
    "",
  ];
  await nft(slot.netns, DROP_SLOT_RULES + rules.join("\n"));
}
