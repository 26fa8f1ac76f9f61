import { expect, it } from "vitest";
import { collectResult, type CommandEvent } from "../src/commands/result.ts";
import { CommandError, ConnectionError, PandaStack, type Sandbox, TimeoutError } from "../src/index.ts";
import { fakeServer, sendJson } from "./support.ts";

async function sandboxThatSays(stream: string): Promise<Sandbox> {
  const { url } = await fakeServer((seen, response) => {
    if (seen.method === "GET") return sendJson(response, 200, { id: "a".repeat(20) });
    response.writeHead(200, { "content-type": "text/event-stream" }).end(stream);
  });
  return new PandaStack({ apiUrl: url }).sandboxes.get("a".repeat(20));
}

it("collects both streams and the exit code", async () => {
  const sandbox = await sandboxThatSays(
    'event: stdout\ndata: {"chunk":"a"}\n\nevent: stderr\ndata: {"chunk":"b"}\n\nevent: stdout\ndata: {"chunk":"c"}\n\nevent: exit\ndata: {"exit_code":3}\n\n',
  );
  const live: string[] = [];
  const result = await sandbox.commands.run("x", { onStdout: (text) => live.push(text) });
  expect(result).toEqual({ exitCode: 3, stdout: "ac", stderr: "b" });
  expect(live).toEqual(["a", "c"]);
});

it("throws the result where success was asked for", async () => {
  const sandbox = await sandboxThatSays('event: exit\ndata: {"exit_code":1}\n\n');
  await expect(sandbox.commands.run("x", { check: true })).rejects.toBeInstanceOf(CommandError);
});

it("tells a timeout from a connection that broke", async () => {
  const late = await sandboxThatSays(
    'event: error\ndata: {"error":"command timeout after 1 s","code":"exec.timeout"}\n\n',
  );
  await expect(late.commands.run("x")).rejects.toBeInstanceOf(TimeoutError);
  const broken = await sandboxThatSays('event: stdout\ndata: {"chunk":"a"}\n\n');
  await expect(broken.commands.run("x")).rejects.toBeInstanceOf(ConnectionError);
});

it("keeps a bounded part of the output, and calls with all of it", async () => {
  const events = async function* (): AsyncGenerator<CommandEvent, void> {
    for (let i = 0; i < 5; i++) yield { type: "stdout", text: "abc" };
    yield { type: "exit", exitCode: 0 };
  };
  let heard = "";
  const result = await collectResult(events(), { onStdout: (text) => (heard += text) }, 10);
  expect(result).toEqual({ exitCode: 0, stdout: "abcabcabca", stderr: "", isTruncated: true });
  expect(heard).toBe("abc".repeat(5));
});
