import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { connect } from "node:net";
import { onTestFinished } from "vitest";
import { waitFor } from "@pandastack/platform";

/** One of every range that sandboxes must not reach: somewhere behind the host that the host itself does reach. */
export const PRIVATE_ADDRESSES = ["10.99.98.1", "172.29.98.1", "192.168.231.1", "100.99.98.1", "169.254.169.254"];
const HOST_SIDE = "10.99.98.2";

/** A machine behind the host, made of a network namespace, that listens on each of the addresses. Gone after the test. */
export async function listenBehindHost(port: number): Promise<string[]> {
  const name = `pstest${process.pid}`;
  const veth = `pt${process.pid}`;
  const ip = (...args: string[]) => execFileSync("ip", args, { stdio: "pipe" });
  let listener: ChildProcess | undefined;
  onTestFinished(() => {
    listener?.kill("SIGKILL");
    execFileSync("sh", ["-c", `ip netns del ${name}; ip link del ${veth} 2>/dev/null; true`], { stdio: "pipe" });
  });
  ip("netns", "add", name);
  ip("link", "add", veth, "type", "veth", "peer", "name", "eth0", "netns", name);
  ip("addr", "add", `${HOST_SIDE}/32`, "dev", veth);
  ip("link", "set", veth, "up");
  ip("-n", name, "link", "set", "eth0", "up");
  ip("-n", name, "route", "add", HOST_SIDE, "dev", "eth0");
  ip("-n", name, "route", "add", "default", "via", HOST_SIDE, "dev", "eth0");
  const routed = PRIVATE_ADDRESSES.filter((address) => {
    ip("-n", name, "addr", "add", `${address}/32`, "dev", "eth0");
    try {
      ip("route", "add", `${address}/32`, "dev", veth, "src", HOST_SIDE);
      return true;
    } catch {
      // The host has such an address in use (a cloud's metadata service): then that one is the listener.
      return false;
    }
  });
  const program = `require("node:net").createServer((s) => s.end("reached")).listen(${port}, "0.0.0.0")`;
  listener = spawn("ip", ["netns", "exec", name, process.execPath, "-e", program], { stdio: "inherit" });
  for (const address of routed) {
    await waitFor(() => hostReaches(address, port), {
      timeoutMs: 10_000,
      intervalMs: 50,
      message: `the host itself does not reach ${address}`,
    });
  }
  return routed;
}

export async function hostReaches(address: string, port: number): Promise<boolean> {
  const socket = connect({ host: address, port, timeout: 1_000 });
  return new Promise((resolve) => {
    const finish = (reached: boolean) => {
      socket.destroy();
      resolve(reached);
    };
    socket
      .once("connect", () => finish(true))
      .once("error", () => finish(false))
      .once("timeout", () => finish(false));
  });
}
