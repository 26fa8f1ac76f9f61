import { expect } from "vitest";
import { waitFor } from "@pandastack/platform";
import { eventsUntil, textOf } from "../box.ts";
import { area } from "../case.ts";
import type { ProcessEvent } from "@pandastack/host-agent/guest/guest";

const { cases, inside } = area("pty");
export const ptyCases = cases;

const SIZE = { rows: 24, cols: 80 };

/** Reads until all output so far holds `text`. */
async function untilText(events: AsyncIterator<ProcessEvent>, text: string): Promise<string> {
  let all = "";
  const isThere = (event: ProcessEvent): boolean => {
    if (event.kind === "stdout") all += event.data.toString();
    return all.includes(text);
  };
  await eventsUntil(events, isThere, `output with ${JSON.stringify(text)}`);
  return all;
}

inside("a terminal has the size it was given and TERM", async ({ box }) => {
  const { stdout, stderr } = await box.run(
    "stty size; echo $TERM; test -t 0 && test -t 1 && test -t 2 && echo terminal",
    { pty: { rows: 31, cols: 97 } },
  );
  expect(stdout).toBe("31 97\r\nxterm-256color\r\nterminal\r\n");
  expect(stderr, "a terminal has one output").toBe("");
});

inside("a resize is seen inside", async ({ box }) => {
  const { process, events } = await box.start({ shell: "echo ready; read go; stty size", pty: SIZE });
  await untilText(events, "ready\r\n");
  process.resize({ rows: 50, cols: 132 });
  await process.writeStdin(Buffer.from("\r"));
  expect(textOf(await eventsUntil(events, (event) => event.kind === "result", "the size"))).toContain("50 132");
});

inside("what is typed is echoed and read by lines", async ({ box }) => {
  const { process, events } = await box.start({ shell: 'echo ready; read line; echo "got <$line>"', pty: SIZE });
  await untilText(events, "ready\r\n");
  await process.writeStdin(Buffer.from("hexx\x7f\x7fllo\r"));
  const text = textOf(await eventsUntil(events, (event) => event.kind === "result", "the answer"));
  expect(text).toContain("got <hello>");
  expect(text.startsWith("hexx"), `keys must be echoed: ${JSON.stringify(text)}`).toBe(true);
});

inside("an interactive shell answers commands and exits with their code", async ({ box }) => {
  const { process, events } = await box.start({ argv: ["/bin/sh", "-i"], pty: SIZE, env: { PS1: "ready> " } });
  await process.writeStdin(Buffer.from("echo $((40 + 2))-ok\r"));
  await untilText(events, "42-ok");
  await process.writeStdin(Buffer.from("exit 3\r"));
  const last = (await eventsUntil(events, (event) => event.kind === "result", "the shell's end")).at(-1);
  expect(last).toMatchObject({ result: { exit_code: 3 } });
});

inside("control-C interrupts what runs in the foreground", async ({ box }) => {
  // With a trap of its own: a shell between two commands may swallow an interrupt.
  const { process, events } = await box.start({
    shell: "trap 'echo interrupted; exit 9' INT; echo ready; while :; do sleep 0.05; done",
    pty: SIZE,
  });
  await untilText(events, "ready\r\n");
  await process.writeStdin(Buffer.from("\x03"));
  const rest = await eventsUntil(events, (event) => event.kind === "result", "the end of an interrupted command");
  expect(textOf(rest)).toContain("interrupted");
  expect(rest.at(-1)).toMatchObject({ result: { exit_code: 9 } });
});

inside("control-D ends the input", async ({ box }) => {
  const { process, events } = await box.start({ shell: "echo ready; cat; echo over", pty: SIZE });
  await untilText(events, "ready\r\n");
  await process.writeStdin(Buffer.from("line\r"));
  await untilText(events, "line\r\nline");
  await process.writeStdin(Buffer.from("\x04"));
  expect(textOf(await eventsUntil(events, (event) => event.kind === "result", "the end"))).toContain("over");
});

inside("a terminal can be left and found again", async ({ box }) => {
  const { process, id } = await box.start({ shell: 'echo before; read line; echo "after $line"', pty: SIZE });
  process.release({ kill: false });
  const guest = await box.guest();
  await waitFor(async () => (await guest.processes()).some((one) => one.id === id && one.running && one.pty), {
    timeoutMs: 5000,
    message: "the process must live on",
  });
  const again = guest.attach({ id });
  const events = again[Symbol.asyncIterator]();
  await untilText(events, "before");
  await again.writeStdin(Buffer.from("x\r"));
  const rest = await eventsUntil(events, (event) => event.kind === "result", "the end");
  expect(rest.at(-1), textOf(rest)).toMatchObject({ result: { exit_code: 0, signal: null } });
  expect(textOf(rest)).toContain("after x");
});
