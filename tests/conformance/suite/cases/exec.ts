import { createHash } from "node:crypto";
import { expect } from "vitest";
import { waitFor } from "@pandastack/platform";
import { collect, eventsUntil, textOf } from "../box.ts";
import { area } from "../case.ts";
import { refused } from "../refusal.ts";

const { cases, inside } = area("exec");
export const execCases = cases;

inside("stdout, stderr and the exit code stand apart", async ({ box }) => {
  const { stdout, stderr, code, result } = await box.run("echo out; echo err >&2; exit 3");
  expect({ stdout, stderr, code, signal: result.signal, timedOut: result.timed_out }).toEqual({
    stdout: "out\n",
    stderr: "err\n",
    code: 3,
    signal: null,
    timedOut: false,
  });
});

inside("argv runs without a shell", async ({ box }) => {
  const guest = await box.guest();
  const { stdout } = await collect(guest.exec({ argv: ["printf", "%s|", "a b", "$HOME", "*", "grüß\n"] }), "printf");
  expect(stdout).toBe("a b|$HOME|*|grüß\n|");
});

inside("a shell has pipes, variables, conditions and here-documents", async ({ box }) => {
  const script =
    "x=5\nfor i in 1 2 3; do x=$((x + i)); done\nif [ $x -eq 11 ]; then cat <<END | tr a-z A-Z\nsum $x\nEND\nfi";
  expect(await box.text(script)).toBe("SUM 11");
});

inside("a command that does not exist exits with 127 and says which", async ({ box }) => {
  const guest = await box.guest();
  for (const request of [
    { shell: "no-such-command-here" },
    { argv: ["no-such-command-here"] },
    { argv: ["/no/such/file"] },
  ]) {
    const { code, stderr, stdout } = await collect(guest.exec(request), "a missing command");
    expect({ code, stdout }, JSON.stringify(request)).toEqual({ code: 127, stdout: "" });
    expect(stderr).toContain("argv" in request ? request.argv[0] : "no-such-command-here");
  }
});

inside("a file that is not executable exits with 126", async ({ box }) => {
  await box.write("/tmp/plain", "echo never\n", { mode: 0o644 });
  const { code } = await collect((await box.guest()).exec({ argv: ["/tmp/plain"] }), "/tmp/plain");
  expect(code).toBe(126);
});

inside("a script with an interpreter line runs by its path", async ({ box }) => {
  await box.write("/tmp/script", '#!/bin/sh\necho "$# $1"\n', { mode: 0o755 });
  const { stdout } = await collect((await box.guest()).exec({ argv: ["/tmp/script", "a b", "c"] }), "/tmp/script");
  expect(stdout).toBe("2 a b\n");
});

inside("death by a signal is 128 + n and named", async ({ box }) => {
  for (const [name, code] of [
    ["KILL", 137],
    ["TERM", 143],
    ["SEGV", 139],
  ] as const) {
    const { result } = await box.run(`kill -${name} $$; sleep 5`);
    expect(result).toMatchObject({ exit_code: code, signal: `SIG${name}`, timed_out: false });
  }
});

inside("the environment is the base, then the sandbox's, then the command's", async ({ box }) => {
  const command = 'echo "$SUITE|$MINE|$USER|$HOME|$LANG"; case ":$PATH:" in *:/usr/bin:*) echo path;; esac';
  expect(await box.text(command, { env: { MINE: "a 'b' \"c\"\nd" } })).toBe(
    "conformance|a 'b' \"c\"\nd|root|/root|C.UTF-8\npath",
  );
  expect(await box.text("echo $SUITE", { env: { SUITE: "other" } })).toBe("other");
});

inside("user changes identity, home and groups", async ({ box }) => {
  expect(await box.text("id -un; id -u; id -g; echo $HOME; pwd", { user: "user" })).toBe(
    "user\n1000\n1000\n/home/user\n/home/user",
  );
  expect(await box.text("id -un", { user: "1000" })).toBe("user");
  expect(await box.text("id -u; pwd")).toBe("0\n/root");
  const denied = await box.run("echo x > /etc/owned-by-root", { user: "user" });
  expect(denied.code, "a plain user must not write /etc").not.toBe(0);
  await refused("guest.user_not_found", () => box.run("true", { user: "nobody-knows" }));
});

inside("cwd is where the command starts, and a missing one is refused", async ({ box }) => {
  expect(await box.text("pwd", { cwd: "/usr/bin" })).toBe("/usr/bin");
  await refused("guest.cwd_not_found", () => box.run("pwd", { cwd: "/no/such/folder" }));
});

inside("stdin reaches the command, and so does its end", async ({ box }) => {
  const { process, events } = await box.start({ shell: "cat; echo over", stdin: true });
  await process.writeStdin(Buffer.from("one\n"));
  await eventsUntil(
    events,
    (event) => event.kind === "stdout" && event.data.toString().includes("one"),
    "an echo of the first line",
  );
  await process.writeStdin(Buffer.from("two\n"));
  process.endStdin();
  expect(textOf(await eventsUntil(events, (event) => event.kind === "result", "the end"))).toBe("two\nover\n");
});

inside("a megabyte of stdin passes whole", async ({ box }) => {
  const data = Buffer.alloc(1_000_000, "0123456789abcdef");
  const { process, events } = await box.start({ shell: "sha256sum", stdin: true });
  await process.writeStdin(data);
  process.endStdin();
  const out = textOf(await eventsUntil(events, (event) => event.kind === "result", "the checksum"));
  expect(out.split(" ")[0]).toBe(createHash("sha256").update(data).digest("hex"));
});

inside("without stdin a command reads an empty one", async ({ box }) => {
  expect(await box.text("cat; echo end")).toBe("end");
});

inside("a timeout kills the whole group and exits with 124", async ({ box }) => {
  const { result } = await box.run("sleep 7341 & sleep 7341", { timeoutMs: 400 });
  expect(result).toMatchObject({ exit_code: 124, timed_out: true });
  expect(result.duration_ms, "the timeout must be kept").toBeLessThan(5000);
  await waitFor(async () => (await box.run("pgrep -f 'sleep 734[1]'")).stdout === "", {
    timeoutMs: 5000,
    message: "the background child of a command that timed out must die with it",
  });
});

inside("it answers when the command exits, although a child holds its pipes", async ({ box }) => {
  const began = performance.now();
  const { stdout } = await box.run("sleep 30 & echo done");
  expect(stdout).toBe("done\n");
  expect(performance.now() - began, "waiting for the child would take 30 s").toBeLessThan(15_000);
  await box.run("pkill -x sleep || kill $(pgrep -x sleep)");
});

inside("ten megabytes of stdout arrive exactly", async ({ box }) => {
  const { bytes } = await box.run("yes 0123456789 | head -c 10000000");
  const expected = Buffer.from("0123456789\n".repeat(909_091)).subarray(0, 10_000_000);
  expect(bytes.length).toBe(10_000_000);
  expect(bytes.equals(expected), "every byte must be the one that was printed").toBe(true);
});

inside("bytes are not text", async ({ box }) => {
  const { bytes } = await box.run("printf '\\000\\001\\200\\376\\377\\n'");
  expect([...bytes]).toEqual([0, 1, 0x80, 0xfe, 0xff, 10]);
});

inside("both streams carry much at the same time", async ({ box }) => {
  const { bytes, stderr } = await box.run("(yes out | head -c 600000) & (yes err | head -c 600000 >&2); wait");
  expect([bytes.length, stderr.length]).toEqual([600_000, 600_000]);
  expect(stderr.startsWith("err\nerr\n"), "stderr must hold nothing of stdout").toBe(true);
});

inside("fifty commands at once each answer with their own output", async ({ box }) => {
  const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => box.text(`echo answer-${index}`)));
  expect(answers).toEqual(Array.from({ length: 50 }, (_, index) => `answer-${index}`));
});

inside("a reader that does not read holds up no other command", async ({ box }) => {
  const { process, events } = await box.start({ shell: "yes unread" });
  for (let index = 0; index < 5; index++) expect(await box.text(`echo ${index}`)).toBe(String(index));
  process.release({ kill: true });
  await events.return?.();
});

inside("signals have their default actions: a writer without a reader dies without a word", async ({ box }) => {
  const { stdout, stderr } = await box.run("yes | head -n 1");
  expect({ stdout, stderr }).toEqual({ stdout: "y\n", stderr: "" });
  expect(
    await box.text("sh -c 'kill -PIPE $$; echo ignored'; echo $?; sh -c 'kill -INT $$; echo ignored'; echo $?"),
  ).toBe("141\n130");
});

inside("an empty command succeeds", async ({ box }) => {
  const { code, stdout } = await box.run("");
  expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
});

inside("a command may be longer than one frame, or is refused in words", async ({ box }) => {
  const long = "x".repeat(80_000);
  try {
    expect((await box.text(`echo ${long}`)).length).toBe(long.length);
  } catch (error) {
    expect(error, "a request that does not fit is a refusal").toMatchObject({ name: "Refusal" });
  }
});
