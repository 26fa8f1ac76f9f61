import { truncateSync, writeFileSync } from "node:fs";
import { runTool } from "../../tools/run-tool.ts";

/**
 * Writes a folder into a sparse ext4 image of `diskMb`. It has a journal: what a guest has fsynced must outlive a killed VMM.
 * Nothing is initialised lazily, or every guest would spend its first minutes writing zeros into its own copy.
 */
export async function writeExt4(options: {
  folder: string;
  image: string;
  diskMb: number;
  uuid: string;
  log: (text: string) => void;
}): Promise<void> {
  writeFileSync(options.image, "", { mode: 0o644 });
  truncateSync(options.image, options.diskMb * 1024 * 1024);
  const extended = ["lazy_itable_init=0", "lazy_journal_init=0", `hash_seed=${options.uuid}`, "root_owner=0:0"].join(
    ",",
  );
  // No blocks kept for root: everything here is root's, and the size asked for is the size one gets.
  const shape = ["-t", "ext4", "-q", "-F", "-m", "0", "-J", "size=32", "-i", "32768", "-E", extended];
  const name = ["-L", "root", "-U", options.uuid];
  const env = { ...process.env, SOURCE_DATE_EPOCH: "1750000000", E2FSPROGS_FAKE_TIME: "1750000000" };
  await runTool("mkfs.ext4", [...shape, ...name, "-d", options.folder, options.image], { log: options.log, env });
}
