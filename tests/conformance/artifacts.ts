import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Artifacts } from "@pandastack/host-agent/images/artifacts";

const CLI = new URL("../../packages/setup/src/artifacts-cli.ts", import.meta.url).pathname;
/** With empty caches it downloads a distribution and compiles the guest agent. */
const SET_UP_TIMEOUT_MS = 900_000;

/** What set-up makes by these settings, taken from its cache; `PANDASTACK_ARTIFACTS` names a file that has it already, by none. */
export async function readArtifacts(settings: Readonly<Record<string, string>> = {}): Promise<Artifacts> {
  const file = process.env["PANDASTACK_ARTIFACTS"];
  if (file !== undefined && file !== "" && Object.keys(settings).length === 0)
    return JSON.parse(await readFile(file, "utf8")) as Artifacts;
  const dataDir = await mkdtemp(join(tmpdir(), "pandastack-set-up-"));
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [CLI], {
      env: { ...process.env, ...settings, PANDASTACK_DATA_DIR: dataDir },
      timeout: SET_UP_TIMEOUT_MS,
      maxBuffer: 1024 * 1024,
    });
    return JSON.parse(stdout) as Artifacts;
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}
