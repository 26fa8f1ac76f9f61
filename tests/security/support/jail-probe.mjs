// Runs in a VMM's jail with exactly its rights. Tries what the first argument names (JSON) and says what worked.
import { openSync, readSync, readdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";

const TIMEOUT_MS = 2_000;
const wanted = JSON.parse(process.argv[2]);

const tried = (work) => {
  try {
    work();
    return true;
  } catch {
    return false;
  }
};
const reads = (path) => tried(() => readSync(openSync(path, "r"), Buffer.alloc(1), 0, 1, 0));
const lists = (path) => tried(() => readdirSync(path));
const connects = (options) =>
  new Promise((resolve) => {
    const socket = connect(options);
    const end = (answer) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(TIMEOUT_MS, () => end(false));
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
  });
const reached = async (all, options) => {
  const answers = await Promise.all(all.map((one) => connects(options(one))));
  return all.filter((_, index) => answers[index]);
};

console.log(
  JSON.stringify({
    uid: process.getuid(),
    read: wanted.files.filter(reads),
    listed: wanted.folders.filter(lists),
    written: wanted.writes.filter((path) => tried(() => writeFileSync(path, "x"))),
    signalled: wanted.pids.filter((pid) => tried(() => process.kill(pid, 0))),
    unix: await reached(wanted.sockets, (path) => ({ path })),
    tcp: await reached(wanted.addresses, ({ host, port }) => ({ host, port })),
    becameRoot: tried(() => process.setuid(0)),
  }),
);
