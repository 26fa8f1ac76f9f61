/** Answers as a host agent does while it bakes and afterwards; notes what happens to it. */
import { appendFileSync, chmodSync, chownSync, rmSync } from "node:fs";
import { createServer } from "node:http";

const socket = process.env["PANDASTACK_HOST_SOCKET"] as string;
const notes = process.env["PANDASTACK_TEST_NOTES"] as string;
let asked = 0;

if (process.env["PANDASTACK_PUT_AWAY"] === "1") {
  if (process.env["PANDASTACK_TEST_PUT_AWAY"] === "fails") process.exit(3);
  appendFileSync(notes, "host agent puts away\n");
  process.exit(0);
}
rmSync(socket, { force: true });
createServer((_, response) => {
  asked++;
  response.end(JSON.stringify({ ready: asked > 6, notReadyReason: asked > 6 ? null : "baking template base" }));
}).listen(socket, () => {
  chmodSync(socket, 0o660);
  chownSync(socket, 0, Number(process.env["PANDASTACK_CONTROL_GID"]));
  appendFileSync(notes, `host agent starts ${process.pid} uid ${process.getuid?.()}\n`);
});
process.on("SIGTERM", () => {
  appendFileSync(notes, "host agent stops\n");
  process.exit(0);
});
