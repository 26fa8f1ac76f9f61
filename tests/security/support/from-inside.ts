import { run } from "../../e2e/support/api.ts";

/** What of `address port` pairs a sandbox can open a TCP connection to. All are tried at once, two seconds each. */
export async function reachedFromInside(id: string, targets: { address: string; port: number }[]): Promise<string[]> {
  const attempts = targets.map(
    ({ address, port }) =>
      `(timeout 2 bash -c ': < /dev/tcp/${address}/${port}' 2>/dev/null && echo ${address}:${port}) &`,
  );
  const { stdout } = await run(id, `${attempts.join("\n")}\nwait`);
  return stdout.split("\n").filter((line) => line !== "");
}
