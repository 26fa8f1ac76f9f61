/** Drops its privileges, uses the database and serves readiness, as the control plane does; notes what happens to it. */
import { appendFileSync, existsSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { ask } from "../../src/supervisor/ask.ts";

const given = (name: string): string => process.env[name] ?? "";
const notes = given("PANDASTACK_TEST_NOTES");
const note = (text: string): void => appendFileSync(notes, `${text}\n`);
const uid = Number(given("PANDASTACK_UID"));
const gid = Number(given("PANDASTACK_GID"));
process.setgroups?.([gid]);
process.setgid?.(gid);
process.setuid?.(uid);

let isReady = false;
const [address, port] = given("PANDASTACK_LISTEN").split(":");
const host = { socketPath: given("PANDASTACK_HOST_SOCKET"), path: "/v1/host" };
createServer((_, response) => {
  void ask(host).then((answer) => {
    const isHostReady = answer !== undefined && (JSON.parse(answer.body) as { ready: boolean }).ready;
    response.statusCode = isReady && isHostReady ? 200 : 503;
    response.end("{}");
  });
}).listen(Number(port), address, () => note(`control plane starts ${process.pid} uid ${process.getuid?.()}`));
process.on("SIGTERM", () => {
  note("control plane stops");
  process.exit(0);
});

while (!isReady) {
  const client = new pg.Client(given("DATABASE_URL"));
  try {
    await client.connect();
    await client.query("create table if not exists starts (pid int)");
    await client.query("insert into starts values ($1)", [process.pid]);
    const { rows } = await client.query("select current_user as who, count(*)::int as starts from starts");
    note(`database: ${rows[0].who} ${rows[0].starts}`);
    if (rows[0].starts === 1 && !existsSync(given("PANDASTACK_BOOTSTRAP_FILE"))) {
      writeFileSync(
        given("PANDASTACK_BOOTSTRAP_FILE"),
        JSON.stringify({ token: "pds_00000000000000000000000000000001" }),
      );
    }
    isReady = true;
  } catch {
    await delay(20);
  } finally {
    await client.end().catch(() => {});
  }
}
