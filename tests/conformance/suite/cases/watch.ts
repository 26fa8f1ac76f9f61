import { expect } from "vitest";
import { waitFor } from "@pandastack/platform";
import type { WatchEvent } from "@pandastack/host-agent/guest/guest";
import type { Box } from "../box.ts";
import { area } from "../case.ts";
import { drain, refused } from "../refusal.ts";

const { cases, inside } = area("watch");
export const watchCases = cases;

interface Watching {
  readonly seen: WatchEvent[];
  /** Resolves when an event like this was seen. */
  until(kind: string, path: string): Promise<WatchEvent>;
  stop(): Promise<void>;
}

async function watch(box: Box, path: string, recursive = false): Promise<Watching> {
  const controller = new AbortController();
  const seen: WatchEvent[] = [];
  const guest = await box.guest();
  const reading = (async () => {
    for await (const event of guest.watch({ path, recursive, signal: controller.signal })) seen.push(event);
  })();
  reading.catch(() => undefined);
  await Promise.race([
    waitFor(() => seen.some((event) => event.event === "ready"), {
      timeoutMs: 10_000,
      message: `the watch of ${path} must get ready`,
    }),
    reading,
  ]);
  return {
    seen,
    until: (kind, where) =>
      waitFor(() => seen.find((event) => event.kind === kind && event.path === where), {
        timeoutMs: 10_000,
        message: `expected "${kind}" of ${where}; seen: ${JSON.stringify(seen.map((event) => [event.kind, event.path]))}`,
      }),
    async stop() {
      controller.abort();
      await reading;
    },
  };
}

inside("files that come, change, move and go are reported", async ({ box }) => {
  await box.run("rm -rf /tmp/w; mkdir /tmp/w");
  const watching = await watch(box, "/tmp/w");
  await box.run("echo a > /tmp/w/one");
  await watching.until("create", "/tmp/w/one");
  await watching.until("write", "/tmp/w/one");
  await box.run("mv /tmp/w/one /tmp/w/two");
  expect(await watching.until("rename", "/tmp/w/two")).toMatchObject({ from: "/tmp/w/one", is_dir: false });
  await box.run("chmod 600 /tmp/w/two");
  await watching.until("chmod", "/tmp/w/two");
  await box.run("rm /tmp/w/two; mkdir /tmp/w/folder");
  await watching.until("remove", "/tmp/w/two");
  expect(await watching.until("create", "/tmp/w/folder")).toMatchObject({ is_dir: true });
  await watching.stop();
});

inside("writes through the API are reported too", async ({ box }) => {
  await box.run("rm -rf /tmp/wa; mkdir /tmp/wa");
  const watching = await watch(box, "/tmp/wa");
  await box.write("/tmp/wa/by-api", "x");
  await waitFor(() => watching.seen.some((event) => event.path === "/tmp/wa/by-api"), {
    timeoutMs: 10_000,
    message: "a file written by the API must be reported",
  });
  await watching.stop();
});

inside("a recursive watch sees into folders that come later", async ({ box }) => {
  await box.run("rm -rf /tmp/wr; mkdir -p /tmp/wr/there");
  const watching = await watch(box, "/tmp/wr", true);
  await box.run("mkdir -p /tmp/wr/new/deep; echo x > /tmp/wr/new/deep/file; echo y > /tmp/wr/there/file");
  await watching.until("create", "/tmp/wr/new/deep/file");
  await watching.until("create", "/tmp/wr/there/file");
  await watching.stop();
});

inside("a plain watch does not look into folders", async ({ box }) => {
  await box.run("rm -rf /tmp/wp; mkdir -p /tmp/wp/sub");
  const watching = await watch(box, "/tmp/wp");
  await box.run("echo x > /tmp/wp/sub/deep; echo y > /tmp/wp/here");
  await watching.until("create", "/tmp/wp/here");
  expect(watching.seen.filter((event) => event.path === "/tmp/wp/sub/deep")).toEqual([]);
  await watching.stop();
});

inside("a missing folder can't be watched", async ({ box }) => {
  const guest = await box.guest();
  await refused("file.not_found", () =>
    drain(guest.watch({ path: "/no/such/folder", signal: new AbortController().signal })),
  );
});
