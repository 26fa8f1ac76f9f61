#!/usr/bin/env node
// Runs on any Node: finds the Node 24 that the set-up keeps where this one is older. Plain JavaScript for that reason.
import { spawn } from "node:child_process";
import { findNode } from "../src/node.mjs";

const main = new URL("../src/main.ts", import.meta.url);
const node = findNode();

if (node === process.execPath) {
  await import(main.href);
} else if (node === undefined) {
  process.stderr.write("error: Node 24 or newer is needed. `npm start` brings its own; or install one.\n");
  process.exitCode = 1;
} else {
  // The channel says nothing: that it closes tells the child that this process was killed, which no signal can.
  const stdio = ["inherit", "inherit", "inherit", "ipc"];
  const child = spawn(node, [main.pathname, ...process.argv.slice(2)], { stdio });
  // The terminal sends its signals to the child too; this process waits and exits as it does.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}
