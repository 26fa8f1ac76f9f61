import { existsSync, readFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { controlSocket } from "../supervisor/control-socket.ts";
import { RUN_ROOT } from "../supervisor/identity.ts";

/** What has just been done: `step` names the set-up or a part, with the pids before and after. */
export interface UpgradeStep {
  readonly step: string;
  readonly from_pid?: number;
  readonly pid?: number;
}

/** Why there is no upgrade, for the user. */
export class UpgradeFailed extends Error {
  override readonly name = "UpgradeFailed";
}

/** Asks the server of this data folder to start its parts anew from the code that is there now; waits until it serves again. */
export async function askForUpgrade(dataDir: string, tell: (step: UpgradeStep) => void): Promise<void> {
  const identity = join(dataDir, "server.json");
  if (!existsSync(identity))
    throw new UpgradeFailed(`there is no server in ${dataDir}; name its folder with PANDASTACK_DATA_DIR`);
  const { id } = JSON.parse(readFileSync(identity, "utf8")) as { id: string };
  let isDone = false;
  for await (const line of linesOf(controlSocket(join(RUN_ROOT, id)), dataDir)) {
    const said = JSON.parse(line) as UpgradeStep & { done?: boolean; error?: string };
    if (said.error !== undefined) throw new UpgradeFailed(said.error);
    if (said.done === true) isDone = true;
    else tell(said);
  }
  if (!isDone) throw new UpgradeFailed("the server was stopped before the upgrade had ended");
}

async function* linesOf(socketPath: string, dataDir: string): AsyncGenerator<string> {
  const call = request({ socketPath, method: "POST", path: "/v1/upgrade", agent: false });
  const answer = new Promise<AsyncIterable<string>>((resolve, reject) => {
    call.once("error", () =>
      reject(new UpgradeFailed(`the server of ${dataDir} does not run; start it with npm start`)),
    );
    call.once("response", (response) => resolve(response.setEncoding("utf8")));
  });
  call.end();
  let rest = "";
  for await (const chunk of await answer) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}
