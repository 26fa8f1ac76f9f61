import { Readable } from "node:stream";
import { Refusal } from "@pandastack/platform";
import { expect, test } from "vitest";
import { findInterpreter } from "../../src/code/locate.ts";
import type { GuestClient } from "../../src/hosts/guest.ts";

const ADDRESS = "/run/pandastack/code/address";
const TOKEN = "/run/pandastack/code/token";
const { signal } = new AbortController();

/** A guest of which only files can be used: whoever starts a command fails. */
function guestWith(files: Map<string, string>): { guest: GuestClient; modes: Map<string, number | undefined> } {
  const modes = new Map<string, number | undefined>();
  const guest: Partial<GuestClient> = {
    environment: () => Promise.resolve({ A: "1" }),
    readFile: ({ path }) => {
      const text = files.get(path);
      if (text === undefined) return Promise.reject(new Refusal("file.not_found", path));
      return Promise.resolve({ body: Readable.from([Buffer.from(text)]), lengthBytes: text.length });
    },
    writeFile: async ({ path, mode }, bytes) => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of bytes) chunks.push(chunk);
      const text = Buffer.concat(chunks).toString();
      files.set(path, text);
      modes.set(path, mode);
      return { path, bytes: text.length };
    },
  };
  return { guest: guest as GuestClient, modes };
}
const find = (files: Record<string, string>) =>
  findInterpreter(guestWith(new Map(Object.entries(files))).guest, signal);

test("an interpreter is found by its files alone", async () => {
  const found = await find({ [ADDRESS]: '{"port": 7, "given": true}\n', [TOKEN]: "secret\n" });
  expect(found).toEqual({ port: 7, token: "secret", told: { given_env: { A: "1" } } });
});

test("one without a token gets one that root alone may read", async () => {
  const files = new Map([[ADDRESS, '{"port": 7, "given": true}\n']]);
  const { guest, modes } = guestWith(files);
  const found = await findInterpreter(guest, signal);
  expect(found!.token).toMatch(/^[0-9a-f]{32}$/);
  expect(files.get(TOKEN)).toBe(`${found!.token}\n`);
  expect(modes.get(TOKEN)).toBe(0o600);
});

test.each(["", "\n", "no json", "[]", '{"port": 0, "given": true}', '{"port": "x"}'])(
  "an address that is none is none: %j",
  async (text) => expect(await find({ [ADDRESS]: text, [TOKEN]: "secret" })).toBeUndefined(),
);
