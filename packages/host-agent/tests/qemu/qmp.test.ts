import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Fault } from "@pandastack/platform";
import { expect, it, onTestFinished } from "vitest";
import { Qmp, QmpError } from "../../src/runtimes/qemu/qmp.ts";

/** A VMM's end of the protocol: answers each line with what `answer` says, or not at all. */
async function peer(answer: (command: string, socket: Socket) => unknown): Promise<Qmp> {
  const folder = mkdtempSync(join(tmpdir(), "pandastack-qmp-"));
  const path = join(folder, "control.sock");
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (data) => {
      for (const line of data.toString().trim().split("\n")) {
        const { execute } = JSON.parse(line) as { execute: string };
        const said = execute === "qmp_capabilities" ? { return: {} } : answer(execute, socket);
        if (said !== undefined) socket.write(`${JSON.stringify(said)}\n`);
      }
    });
  });
  server.listen(path);
  await once(server, "listening");
  const qmp = await Qmp.connect(path, { timeoutMs: 5_000, isDead: () => false });
  onTestFinished(() => {
    qmp.close();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return qmp;
}

it("gives answers in the order of the commands, and errors in the VMM's own words", async () => {
  const qmp = await peer((command) => (command === "no" ? { error: { desc: "not this" } } : { return: command }));
  await expect(Promise.all([qmp.command("one"), qmp.command("two")])).resolves.toEqual(["one", "two"]);
  await expect(qmp.command("no")).rejects.toThrow(new QmpError("not this"));
});

it("calls the end of the VMM a fault that may be tried again, in the middle of a command and after it", async () => {
  const qmp = await peer((_, socket) => void socket.destroy());
  const lost = expect.objectContaining({ code: "sandbox.guest_unreachable" });
  const [during] = await Promise.allSettled([qmp.command("xen-save-devices-state")]);
  expect(during).toEqual({ status: "rejected", reason: lost });
  await qmp.closed;
  const after = await qmp.command("cont").catch((error: unknown) => error);
  expect(after).toEqual(lost);
  expect(after).toBeInstanceOf(Fault);
});
