import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { InsideDoor } from "../src/http/inside.ts";

const put = (door: InsideDoor, body: ReadableStream): Promise<Response> =>
  door.fetchFor("request")("http://inside/x", { method: "PUT", body });

test("a stream is sent to its end", async () => {
  const door = new InsideDoor((request, response) => void text(request).then((all) => response.end(all)));
  expect(await (await put(door, new Blob(["what ", "was sent"]).stream())).text()).toBe("what was sent");
});

test("a stream that breaks breaks its request, and nothing else", async () => {
  const { promise: ended, resolve: end } = Promise.withResolvers<string>();
  const door = new InsideDoor((request) => {
    request.once("error", (error) => end(error.message)).resume();
    broken.error(new Error("the source broke"));
  });
  let broken!: ReadableStreamDefaultController;
  const body = new ReadableStream({
    start: (controller) => {
      broken = controller;
      controller.enqueue(Buffer.from("begun"));
    },
  });
  await expect(put(door, body)).rejects.toThrow("the source broke");
  expect(await ended).toBe("aborted");
});

test("a stream that is refused before its end is let go of, and the refusal is heard", async () => {
  const { promise: letGo, resolve: cancel } = Promise.withResolvers<void>();
  const door = new InsideDoor((_, response) => void response.writeHead(413).end("too much"));
  const body = new ReadableStream({ start: (controller) => controller.enqueue(Buffer.from("begun")), cancel });
  const answer = await put(door, body);
  expect([answer.status, await answer.text()]).toEqual([413, "too much"]);
  await letGo;
});
