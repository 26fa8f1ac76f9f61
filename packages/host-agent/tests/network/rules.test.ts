import { fc, test } from "@fast-check/vitest";
import ipaddr from "ipaddr.js";
import { describe, expect, it } from "vitest";
import { SLOT_COUNT, slotAddresses } from "../../src/network/addresses.ts";
import { CLOSED_NETWORKS } from "../../src/network/closed.ts";
import { hostRules } from "../../src/network/host/rules.ts";
import { insideCommands, outsideCommands } from "../../src/network/slots/commands.ts";
import { slotRules } from "../../src/network/slots/rules.ts";

const anySlot = fc.integer({ min: 0, max: SLOT_COUNT - 1 });
const anyServerId = fc.stringMatching(/^[a-z0-9]{1,9}$/);
const isClosed = (address: string): boolean =>
  CLOSED_NETWORKS.some((network) => ipaddr.parse(address).match(ipaddr.parseCIDR(network)));
const addressesIn = (text: string): string[] => text.match(/\b10\.200\.\d+\.\d+\b/g) ?? [];

/** Braces close, and each line holds one statement: what nft asks of a rule set. */
function expectWellFormed(text: string): void {
  let depth = 0;
  for (const line of text.split("\n")) {
    depth += (line.match(/\{/g)?.length ?? 0) - (line.match(/\}/g)?.length ?? 0);
    expect(depth).toBeGreaterThanOrEqual(0);
    // A ";" only where a chain's hook and policy share a line.
    if (line.includes(";")) expect(line).toMatch(/^ +type (filter|nat) hook .*; policy (accept|drop);$/);
  }
  expect(depth).toBe(0);
}

describe("closed networks", () => {
  it.each([
    "127.0.0.1",
    "10.0.0.1",
    "10.200.3.4",
    "172.31.255.255",
    "192.168.0.1",
    "100.127.0.1",
    "169.254.169.254",
    "224.0.0.251",
    "255.255.255.255",
    "0.0.0.0",
  ])("hold %s", (address) => expect(isClosed(address)).toBe(true));

  it.each([
    "192.0.2.1",
    "198.18.0.1",
    "203.0.113.9",
    "1.1.1.1",
    "172.32.0.1",
    "100.128.0.1",
    "11.0.0.1",
    "192.169.0.1",
  ])("do not hold %s", (address) => expect(isClosed(address)).toBe(false));

  test.prop([anySlot])("hold every slot", (number) => {
    expect(isClosed(slotAddresses(number).hostIp)).toBe(true);
    expect(isClosed(slotAddresses(number).vethIp)).toBe(true);
  });
});

describe("the host's rules", () => {
  test.prop([anyServerId])("are well formed and name one server only", (serverId) => {
    const text = hostRules(serverId);
    expectWellFormed(text);
    expect(new Set(text.match(/pandastack_\w+/g))).toEqual(new Set([`pandastack_${serverId}`]));
    expect(new Set(text.match(/"ps[^"]*"/g))).toEqual(new Set([`"ps${serverId}-*"`]));
  });

  test.prop([anyServerId])("speak of no packet that is not to or from a slot", (serverId) => {
    // In every chain with a hook, each rule begins with an interface match; the others are reached from there.
    const hooked = hostRules(serverId)
      .split(/\n {2}chain /)
      .filter((text) => text.includes(" hook "));
    expect(hooked).toHaveLength(4);
    for (const text of hooked) {
      const rules = text.split("\n").filter((line) => /^ {4}/.test(line) && !line.includes(" hook "));
      for (const rule of rules) expect(rule).toMatch(new RegExp(`^ {4}[io]ifname "ps${serverId}-\\*"`));
    }
  });

  test.prop([fc.string()])("can't be made of a strange id", (text) => {
    fc.pre(!/^[a-z0-9]{1,9}$/.test(text));
    expect(() => hostRules(text)).toThrow();
  });
});

describe("a slot's rules and commands", () => {
  test.prop([anySlot])("are well formed", (number) => expectWellFormed(slotRules(number)));

  test.prop([anyServerId, anySlot])("know no other slot's addresses", (serverId, number) => {
    const { vethIp, hostIp } = slotAddresses(number);
    const own = new Set([vethIp, hostIp]);
    const text = slotRules(number).replaceAll("10.200.0.0/16", "");
    for (const address of addressesIn(text)) expect(own).toContain(address);
    const commands = outsideCommands(serverId, number, { hasIpv6: true }) + insideCommands(number);
    for (const address of addressesIn(commands)) expect(own).toContain(address);
  });
});
