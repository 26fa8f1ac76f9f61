import { fc, test } from "@fast-check/vitest";
import { describe, expect, it } from "vitest";
import {
  FIRST_SLOT_UID,
  GATEWAY_IP,
  GUEST_IP,
  isSlotNumber,
  SLOT_COUNT,
  slotAddresses,
  slotOfAddress,
} from "../../src/network/addresses.ts";
import { describeSlot, slotName, slotNumberOfName, slotPrefix } from "../../src/network/names.ts";

const anySlot = fc.integer({ min: 0, max: SLOT_COUNT - 1 });
const anyServerId = fc.stringMatching(/^[a-z0-9]{1,9}$/);
const toNumber = (address: string): number => address.split(".").reduce((value, part) => value * 256 + Number(part), 0);

describe("the address plan", () => {
  it("covers 10.200.0.0/16 from its first to its last /30", () => {
    expect(slotAddresses(0)).toEqual({
      vethIp: "10.200.0.1",
      hostIp: "10.200.0.2",
      uid: FIRST_SLOT_UID,
    });
    expect(slotAddresses(SLOT_COUNT - 1)).toMatchObject({
      vethIp: "10.200.255.253",
      hostIp: "10.200.255.254",
    });
  });

  it("gives each slot addresses and a uid of its own", () => {
    const all = Array.from({ length: SLOT_COUNT }, (_, number) => slotAddresses(number));
    expect(new Set(all.flatMap(({ vethIp, hostIp }) => [vethIp, hostIp])).size).toBe(2 * SLOT_COUNT);
    expect(new Set(all.map(({ uid }) => uid)).size).toBe(SLOT_COUNT);
  });

  test.prop([anySlot])("leads from every address of a slot back to the slot", (number) => {
    const { vethIp, hostIp } = slotAddresses(number);
    expect(slotOfAddress(vethIp)).toBe(number);
    expect(slotOfAddress(hostIp)).toBe(number);
  });

  test.prop([anySlot, anySlot])("keeps the /30s apart", (one, other) => {
    fc.pre(one !== other);
    const block = (number: number): number => Math.floor(toNumber(slotAddresses(number).hostIp) / 4);
    expect(block(one)).not.toBe(block(other));
  });

  test.prop([fc.oneof(fc.integer(), fc.double())])("refuses what is no slot number", (number) => {
    fc.pre(!isSlotNumber(number));
    expect(() => slotAddresses(number)).toThrow(/slot number/);
  });

  test.prop([fc.oneof(fc.ipV4(), fc.string())])("knows no slot outside its network", (text) => {
    fc.pre(!text.startsWith("10.200."));
    expect(slotOfAddress(text)).toBeUndefined();
  });

  it("looks the same from inside of every slot", () => {
    const insides = [0, 1, SLOT_COUNT - 1].map((number) => describeSlot("a", number));
    for (const slot of insides) expect(slot).toMatchObject({ tap: "tap0", guestIp: GUEST_IP, gatewayIp: GATEWAY_IP });
    expect(new Set(insides.map(({ mac }) => mac)).size).toBe(1);
  });
});

describe("names in the kernel", () => {
  test.prop([anyServerId, anySlot])("fit, and lead back to the slot", (serverId, number) => {
    const name = slotName(serverId, number);
    expect(name.length).toBeLessThanOrEqual(15);
    expect(slotNumberOfName(serverId, name)).toBe(number);
  });

  test.prop([anyServerId, anyServerId, anySlot])("belong to one server", (one, other, number) => {
    fc.pre(one !== other);
    expect(slotName(one, number).startsWith(slotPrefix(other))).toBe(false);
    expect(slotNumberOfName(other, slotName(one, number))).toBeUndefined();
  });

  test.prop([fc.string()])("are made of nothing but a plain server id", (text) => {
    fc.pre(!/^[a-z0-9]{1,9}$/.test(text));
    expect(() => slotPrefix(text)).toThrow(/server id/);
  });
});
