import { randomInt } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../../src/processes/run.ts";
import { Program } from "./program.ts";

/**
 * A host and what is around it, in netns of the test's own:
 *
 *     guest ── slot ── host ── outside (one link, an address in each kind of network)
 *
 * `host` runs the network under test as if it were a machine of its own; nothing of the real one is touched.
 */
export interface World {
  readonly host: string;
  readonly outside: string;
  readonly runDir: string;
  readonly resolvConfPath: string;
  newServerId(): string;
  start(name: ConstructorParameters<typeof Program>[0], netns: string): Program;
  addNetns(role: string): Promise<string>;
  netnsOf(role: string): string;
  close(): Promise<void>;
}

/** Networks that host (.1) and outside (.2) share. The first stands for the internet: reserved, but not shut. */
export const INTERNET = "198.18.0";
export const PRIVATE_NETWORKS = ["10.99.0", "192.168.77", "172.20.5", "100.64.9", "169.254.169"] as const;
export const NAME_SERVER = "10.99.0.2";

export async function makeWorld(): Promise<World> {
  const tag = randomInt(36 ** 5)
    .toString(36)
    .padStart(5, "0");
  const runDir = mkdtempSync(join(tmpdir(), "ps-net-"));
  const resolvConfPath = join(runDir, "resolv.conf");
  writeFileSync(resolvConfPath, `nameserver ${NAME_SERVER}\n`);
  const namespaces: string[] = [];
  const programs: Program[] = [];
  let servers = 0;

  const netnsOf = (role: string): string => `pstest${tag}${role}`;
  const addNetns = async (role: string): Promise<string> => {
    const name = netnsOf(role);
    await ip(undefined, `netns add ${name}`);
    namespaces.push(name);
    await ip(name, "link set lo up");
    return name;
  };
  const host = await addNetns("host");
  const outside = await addNetns("outside");
  await connectOutside(host, outside);
  // A new netns begins with what the machine has, which may be running a server.
  await inside(host, "sysctl", "-qw", "net.ipv4.ip_forward=0");

  return {
    host,
    outside,
    runDir,
    resolvConfPath,
    addNetns,
    netnsOf,
    newServerId: () => `t${tag}${servers++}`,
    start: (name, netns) => {
      const program = new Program(name, netns);
      programs.push(program);
      return program;
    },
    close: async () => {
      await Promise.all(programs.map((program) => program.end("SIGKILL")));
      // Also what a failed test has left of its slots.
      const slots = readdirSync("/run/netns").filter((name) => name.startsWith(`pst${tag}`));
      for (const name of [...slots, ...namespaces]) await run("ip", ["netns", "del", name]);
      rmSync(runDir, { recursive: true, force: true });
    },
  };
}

/** Runs `ip` commands in a netns, or in the test's own. */
export async function ip(netns: string | undefined, ...commands: string[]): Promise<void> {
  await run("ip", [...(netns === undefined ? [] : ["-n", netns]), "-batch", "-"], {
    input: `${commands.join("\n")}\n`,
  });
}

export async function nft(netns: string, text: string): Promise<string> {
  const { stdout } = await run("nsenter", [`--net=/run/netns/${netns}`, "nft", "-f", "-"], {
    input: text,
  });
  return stdout;
}

export async function inside(netns: string, file: string, ...argv: string[]): Promise<string> {
  return (await run("nsenter", [`--net=/run/netns/${netns}`, file, ...argv])).stdout;
}

async function connectOutside(host: string, outside: string): Promise<void> {
  const networks = [INTERNET, ...PRIVATE_NETWORKS];
  await ip(
    host,
    `link add wan0 type veth peer name wan0 netns ${outside}`,
    "link set wan0 up",
    ...networks.map((network) => `addr add ${network}.1/24 dev wan0`),
    // An address like a cloud's metadata service that the host itself has, and one on the loopback that is not 127/8.
    "addr add 169.254.169.253/32 dev lo",
    "addr add 192.0.2.2/32 dev lo",
  );
  await ip(
    outside,
    "link set wan0 up",
    ...networks.map((network) => `addr add ${network}.2/24 dev wan0`),
    "addr add 169.254.169.254/24 dev wan0",
    // Someone outside who knows where the slots are.
    `route add 10.200.0.0/16 via ${INTERNET}.1`,
  );
}
