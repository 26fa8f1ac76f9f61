import { describe, expect, it } from "vitest";
import { acceptRules, chainsThatDrop, removalsOf, type RuleSet } from "../../src/network/host/foreign-forward.ts";

const forward = {
  family: "ip",
  table: "filter",
  name: "FORWARD",
  hook: "forward",
  policy: "accept",
};
const rule = (expr: Record<string, unknown>[], changes: object = {}) => ({
  family: "ip",
  table: "filter",
  chain: "FORWARD",
  handle: 7,
  expr,
  ...changes,
});
const set = (chains: RuleSet["chains"], rules: RuleSet["rules"] = []): RuleSet => ({
  chains,
  rules,
});

describe("other tables that drop what we forward", () => {
  it.each([
    ["accepts", set([forward]), []],
    ["drops by policy", set([{ ...forward, policy: "drop" }]), ["FORWARD"]],
    ["refuses at its end (firewalld)", set([forward], [rule([{ counter: null }, { reject: {} }])]), ["FORWARD"]],
    ["refuses something", set([forward], [rule([{ match: {} }, { drop: null }])]), []],
    ["refuses before it accepts", set([forward], [rule([{ drop: null }]), rule([{ accept: null }])]), []],
    [
      "is Docker's",
      set([
        { ...forward, policy: "drop" },
        { family: "ip", table: "filter", name: "DOCKER-USER" },
      ]),
      ["DOCKER-USER"],
    ],
    ["is for IPv6", set([{ ...forward, family: "ip6", policy: "drop" }]), []],
    ["is another server's of ours", set([{ ...forward, family: "inet", table: "pandastack_x", policy: "drop" }]), []],
    ["does not forward", set([{ ...forward, hook: "input", policy: "drop" }]), []],
  ])("one that %s", (_, ruleSet, expected) => {
    expect(chainsThatDrop(ruleSet).map(({ name }) => name)).toEqual(expected);
  });

  it("get two accepts that iptables can read", () => {
    expect(acceptRules("k3", [forward])).toBe(
      'insert rule ip filter FORWARD iifname "psk3-*" accept comment "pandastack_k3"\n' +
        'insert rule ip filter FORWARD oifname "psk3-*" accept comment "pandastack_k3"\n',
    );
  });

  it("lose our accepts and no other's", () => {
    const accept = (name: string, changes: object = {}) =>
      rule([{ match: { op: "==", left: { meta: { key: "iifname" } }, right: name } }, { accept: null }], changes);
    const ours = [accept("psk3-*", { handle: 9 }), accept("psk3-*", { handle: 10, comment: "pandastack_k3" })];
    const others = [rule([]), accept("psk33-*"), accept("ps*"), accept("psk3-*", { table: "pandastack_k3" })];
    expect(removalsOf("k3", set([forward], [...ours, ...others]))).toBe(
      "delete rule ip filter FORWARD handle 9\ndelete rule ip filter FORWARD handle 10\n",
    );
  });
});
