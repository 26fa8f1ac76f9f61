import { execFileSync } from "node:child_process";
import { onTestFinished } from "vitest";

const TABLE = "pandastack_test_watch";

/** Counts what comes out of one server's slots, on the host and before any of its rules, by the slot's own address. */
export function watchPackets(guestIp: string): { reset(): void; seenFrom(guestIp: string): number } {
  const link = /\bdev (ps[a-z0-9]+-)/.exec(execFileSync("ip", ["route", "get", guestIp], { encoding: "utf8" }))?.[1];
  if (link === undefined) throw new Error(`no slot of PandaStack's has ${guestIp}`);
  nft(
    `table inet ${TABLE} {
      set seen { type ipv4_addr; flags dynamic; size 65536; counter; }
      chain watch {
        type filter hook prerouting priority raw - 50; policy accept;
        iifname "${link}*" meta nfproto ipv6 drop
        # From where a guest agent answers the host, if that goes over TCP: below, where connections are known.
        iifname "${link}*" fib daddr type local tcp sport 1 accept
        iifname "${link}*" update @seen { ip saddr counter }
      }
      chain answers {
        type filter hook prerouting priority mangle - 10; policy accept;
        iifname "${link}*" fib daddr type local tcp sport 1 ct direction reply accept
        iifname "${link}*" fib daddr type local tcp sport 1 update @seen { ip saddr counter }
      }
    }`,
  );
  onTestFinished(() => nft(`delete table inet ${TABLE}`));
  return {
    reset: () => nft(`flush set inet ${TABLE} seen`),
    seenFrom: (address) => {
      const text = execFileSync("nft", ["list", "set", "inet", TABLE, "seen"], { encoding: "utf8" });
      return Number(new RegExp(`${address.replaceAll(".", "\\.")} counter packets (\\d+)`).exec(text)?.[1] ?? 0);
    },
  };
}

function nft(text: string): void {
  execFileSync("nft", ["-f", "-"], { input: text });
}
