import { expect } from "vitest";
import type { FileEntry } from "@pandastack/contracts/host";
import type { Box } from "../box.ts";
import { area } from "../case.ts";
import { drain, refused } from "../refusal.ts";

const { cases, inside } = area("files");
export const fileCases = cases;

async function stat(box: Box, path: string, follow = true): Promise<FileEntry> {
  return (await (await box.guest()).fs({ op: "stat", path, follow })) as FileEntry;
}

async function list(box: Box, path: string, depth = 1): Promise<FileEntry[]> {
  return (await drain((await box.guest()).listFiles({ path, depth }))) as FileEntry[];
}

inside("what is written is what is read, and what a command sees", async ({ box }) => {
  expect(await box.write("/tmp/f/new/folder/file", "content\n")).toBe(8);
  expect((await box.read("/tmp/f/new/folder/file")).toString()).toBe("content\n");
  expect(await box.text("cat /tmp/f/new/folder/file")).toBe("content");
  await box.run("printf changed > /tmp/f/new/folder/file");
  expect((await box.read("/tmp/f/new/folder/file")).toString()).toBe("changed");
});

inside("a replaced file keeps its mode and owner, a new one has what was asked for", async ({ box }) => {
  await box.write("/tmp/mode", "1", { mode: 0o640, user: "user" });
  expect(await stat(box, "/tmp/mode")).toMatchObject({
    mode: 0o640,
    user: "user",
    group: "user",
    uid: 1000,
    mode_string: "-rw-r-----",
  });
  await box.write("/tmp/mode", "longer");
  expect(await stat(box, "/tmp/mode")).toMatchObject({ mode: 0o640, user: "user", size: 6 });
});

inside("append and offset write in place", async ({ box }) => {
  await box.write("/tmp/place", "0123456789");
  await box.write("/tmp/place", "ab", { append: true });
  await box.write("/tmp/place", "XY", { offset: 3 });
  expect((await box.read("/tmp/place")).toString()).toBe("012XY56789ab");
});

inside("a part of a file can be read", async ({ box }) => {
  await box.write("/tmp/part", "0123456789");
  expect((await box.read("/tmp/part", { offset: 2, length: 3 })).toString()).toBe("234");
  expect((await box.read("/tmp/part", { offset: 8 })).toString()).toBe("89");
  expect((await box.read("/tmp/part", { offset: 99 })).length, "beyond the end is empty").toBe(0);
});

inside("an empty file is a file", async ({ box }) => {
  await box.write("/tmp/empty", "");
  expect((await box.read("/tmp/empty")).length).toBe(0);
  expect(await stat(box, "/tmp/empty")).toMatchObject({ type: "file", size: 0 });
});

inside("any bytes are content", async ({ box }) => {
  const every = Buffer.from(Array.from({ length: 70_000 }, (_, index) => (index * 7) & 0xff));
  await box.write("/tmp/bytes", every);
  expect((await box.read("/tmp/bytes")).equals(every)).toBe(true);
});

inside("names may hold spaces, quotes, newlines and any letters", async ({ box }) => {
  const names = [
    "with space",
    "grüße-日本語-🐼",
    "new\nline",
    "quote'\"quote",
    "-dash",
    "*",
    "tab\there",
    "a".repeat(255),
  ];
  for (const name of names) await box.write(`/tmp/names/${name}`, name);
  expect((await list(box, "/tmp/names")).map((entry) => entry.name).sort()).toEqual([...names].sort());
  for (const name of names) expect((await box.read(`/tmp/names/${name}`)).toString(), JSON.stringify(name)).toBe(name);
  await box.run("rm -rf /tmp/names");
});

inside("a name that is too long is refused", async ({ box }) => {
  await expect(box.write(`/tmp/${"n".repeat(256)}`, "x")).rejects.toMatchObject({ name: "Refusal" });
});

inside("dots in a path are followed", async ({ box }) => {
  await box.write("/tmp/dots/a/../b/./file", "x");
  expect(await box.text("ls /tmp/dots/b")).toBe("file");
  expect((await box.read("/tmp/../tmp/dots/b/file")).toString()).toBe("x");
  expect((await stat(box, "/../../tmp")).type, "above the root is the root").toBe("dir");
});

inside("a path with NUL or without a root is refused", async ({ box }) => {
  for (const path of ["/tmp/nul\0byte", "relative/path", ""]) await refused("guest.bad_request", () => box.read(path));
  await refused("guest.bad_request", () => box.write("/tmp/nul\0byte", "x"));
});

inside("what is missing is not found", async ({ box }) => {
  await refused("file.not_found", () => box.read("/no/such/file"));
  await refused("file.not_found", () => stat(box, "/no/such/file"));
  await refused("file.not_found", () => list(box, "/no/such/folder"));
  await refused("file.not_found", async () => (await box.guest()).fs({ op: "move", from: "/no/such", to: "/tmp/x" }));
});

inside("a folder is no file and a file no folder", async ({ box }) => {
  await box.write("/tmp/plain-file", "x");
  await refused("file.is_a_directory", () => box.read("/tmp"));
  await refused("file.is_a_directory", () => box.write("/tmp", "x"));
  await refused("file.not_a_directory", () => list(box, "/tmp/plain-file"));
  await refused("file.not_a_directory", () => stat(box, "/tmp/plain-file/below"));
});

inside("lists are sorted, with what an entry is", async ({ box }) => {
  await box.run(
    "rm -rf /tmp/l; mkdir -p /tmp/l/dir; echo 12345 > /tmp/l/b; ln -s b /tmp/l/link; touch /tmp/l/.hidden; chmod 750 /tmp/l/dir",
  );
  const entries = await list(box, "/tmp/l");
  expect(entries.map((entry) => [entry.name, entry.type])).toEqual([
    [".hidden", "file"],
    ["b", "file"],
    ["dir", "dir"],
    ["link", "symlink"],
  ]);
  expect(entries[1]).toMatchObject({ path: "/tmp/l/b", size: 6, user: "root", group: "root", symlink_target: null });
  expect(entries[2]).toMatchObject({ mode: 0o750, mode_string: "drwxr-x---" });
  expect(entries[3]).toMatchObject({ symlink_target: "b" });
  expect(Math.abs(entries[1]!.mtime_ms - Date.now()), "the time of the last change").toBeLessThan(120_000);
});

inside("depth reaches into folders", async ({ box }) => {
  await box.run("rm -rf /tmp/d; mkdir -p /tmp/d/a/b/c; touch /tmp/d/a/b/c/deep /tmp/d/a/x");
  const names = async (depth: number): Promise<string[]> =>
    (await list(box, "/tmp/d", depth)).map((entry) => entry.path).sort();
  expect(await names(1)).toEqual(["/tmp/d/a"]);
  expect(await names(2)).toEqual(["/tmp/d/a", "/tmp/d/a/b", "/tmp/d/a/x"]);
  expect(await names(9)).toContain("/tmp/d/a/b/c/deep");
});

inside("a folder of five thousand files is listed whole", async ({ box }) => {
  await box.run(
    "rm -rf /tmp/many; mkdir /tmp/many; cd /tmp/many; i=0; while [ $i -lt 5000 ]; do : > entry-$i; i=$((i + 1)); done",
  );
  const entries = await list(box, "/tmp/many");
  expect(entries.length).toBe(5000);
  expect(new Set(entries.map((entry) => entry.name)).size, "each once").toBe(5000);
  await (await box.guest()).fs({ op: "remove", path: "/tmp/many", recursive: true });
});

inside("symbolic links are followed, unless asked about themselves", async ({ box }) => {
  await box.run(
    "rm -rf /tmp/s; mkdir /tmp/s; echo target > /tmp/s/file; ln -s file /tmp/s/link; ln -s /tmp/s /tmp/s/folder",
  );
  expect((await box.read("/tmp/s/link")).toString()).toBe("target\n");
  expect(await stat(box, "/tmp/s/link")).toMatchObject({ type: "file", size: 7 });
  expect(await stat(box, "/tmp/s/link", false)).toMatchObject({ type: "symlink", symlink_target: "file" });
  expect((await box.read("/tmp/s/folder/folder/file")).toString()).toBe("target\n");
  await box.write("/tmp/s/link", "through");
  expect(await box.text("cat /tmp/s/file; readlink /tmp/s/link"), "a write goes through the link").toBe("throughfile");
});

inside("a circle of symbolic links is refused, and listed as links", async ({ box }) => {
  await box.run("rm -rf /tmp/circle; mkdir /tmp/circle; cd /tmp/circle; ln -s two one; ln -s one two; ln -s . self");
  await expect(box.read("/tmp/circle/one")).rejects.toMatchObject({ name: "Refusal" });
  expect((await list(box, "/tmp/circle", 32)).map((entry) => entry.type)).toEqual(["symlink", "symlink", "symlink"]);
  await (await box.guest()).fs({ op: "remove", path: "/tmp/circle", recursive: true });
});

inside("folders are made with their parents, once", async ({ box }) => {
  const guest = await box.guest();
  await box.run("rm -rf /tmp/mk");
  expect(await guest.fs({ op: "mkdir", path: "/tmp/mk/a/b", mode: 0o700, user: "user" })).toMatchObject({
    created: true,
    type: "dir",
    mode: 0o700,
    user: "user",
  });
  expect(await guest.fs({ op: "mkdir", path: "/tmp/mk/a/b" })).toMatchObject({ created: false });
  await refused("file.already_exists", () => guest.fs({ op: "mkdir", path: "/tmp/mk/a/b", parents: false }));
  await refused("file.not_found", () => guest.fs({ op: "mkdir", path: "/tmp/mk/x/y", parents: false }));
});

inside("a move replaces, or refuses to, and crosses file systems", async ({ box }) => {
  const guest = await box.guest();
  await box.run(
    "rm -rf /root/moved /tmp/m; mkdir -p /tmp/m/tree/sub; echo a > /tmp/m/a; echo b > /tmp/m/b; echo c > /tmp/m/tree/sub/c",
  );
  await guest.fs({ op: "move", from: "/tmp/m/a", to: "/tmp/m/b" });
  expect(await box.text("cat /tmp/m/b; ls /tmp/m")).toBe("a\nb\ntree");
  await box.write("/tmp/m/other", "x");
  await refused("file.already_exists", () =>
    guest.fs({ op: "move", from: "/tmp/m/other", to: "/tmp/m/b", overwrite: false }),
  );
  await guest.fs({ op: "move", from: "/tmp/m/tree", to: "/root/moved" });
  expect(await box.text("cat /root/moved/sub/c; ls /tmp/m")).toBe("c\nb\nother");
  await box.run("rm -rf /root/moved");
});

inside("removing asks before it takes a tree", async ({ box }) => {
  const guest = await box.guest();
  await box.run("mkdir -p /tmp/rm/sub; touch /tmp/rm/sub/file");
  await refused("file.directory_not_empty", () => guest.fs({ op: "remove", path: "/tmp/rm" }));
  await guest.fs({ op: "remove", path: "/tmp/rm", recursive: true });
  await refused("file.not_found", () => guest.fs({ op: "remove", path: "/tmp/rm" }));
  await guest.fs({ op: "remove", path: "/tmp/rm", missing_ok: true });
});

inside("modes and owners change, in a tree if asked", async ({ box }) => {
  const guest = await box.guest();
  await box.run("rm -rf /tmp/own; mkdir -p /tmp/own/sub; touch /tmp/own/sub/file");
  await guest.fs({ op: "chown", path: "/tmp/own", user: "user", group: "user", recursive: true });
  expect(await stat(box, "/tmp/own/sub/file")).toMatchObject({ user: "user", group: "user" });
  await guest.fs({ op: "chmod", path: "/tmp/own/sub/file", mode: 0o4711 });
  expect((await stat(box, "/tmp/own/sub/file")).mode).toBe(0o4711);
  await refused("guest.user_not_found", () => guest.fs({ op: "chown", path: "/tmp/own", user: "nobody-knows" }));
});

inside("extended attributes are set, listed, read and removed", async ({ box }) => {
  const guest = await box.guest();
  await box.write("/root/attributes", "x");
  const path = "/root/attributes";
  await guest.fs({ op: "xattr.set", path, name: "user.note", value: Buffer.from("hello\0").toString("base64") });
  expect(await guest.fs({ op: "xattr.get", path, name: "user.note" })).toEqual({
    value: Buffer.from("hello\0").toString("base64"),
  });
  expect(await guest.fs({ op: "xattr.list", path })).toMatchObject({ names: expect.arrayContaining(["user.note"]) });
  await guest.fs({ op: "xattr.remove", path, name: "user.note" });
  await expect(guest.fs({ op: "xattr.get", path, name: "user.note" })).rejects.toMatchObject({ name: "Refusal" });
});

inside("files of the kernel can be read though they have no size", async ({ box }) => {
  expect(Number((await box.read("/proc/uptime")).toString().split(" ")[0])).toBeGreaterThan(0);
});

inside("a writer that gives up leaves the old content and no trace", async ({ box }) => {
  await box.run("rm -rf /tmp/half; mkdir /tmp/half");
  await box.write("/tmp/half/file", "old");
  const guest = await box.guest();
  async function* broken(): AsyncGenerator<Buffer> {
    yield Buffer.from("new but incompl");
    throw new Error("the client went away");
  }
  await expect(guest.writeFile({ path: "/tmp/half/file" }, broken())).rejects.toThrow("the client went away");
  // Any later operation proves that the guest has seen the cancellation before.
  expect((await box.read("/tmp/half/file")).toString()).toBe("old");
  expect((await list(box, "/tmp/half")).map((entry) => entry.name)).toEqual(["file"]);
});
