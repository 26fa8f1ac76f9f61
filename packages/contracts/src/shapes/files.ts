import { z } from "zod";
import { Flag } from "./flags.ts";
import { GuestPath } from "../host/index.ts";

export const FileInfo = z
  .object({
    name: z.string(),
    path: z.string(),
    is_dir: z.boolean(),
    type: z.enum(["file", "dir", "symlink", "char", "block", "fifo", "socket"]),
    size: z.int(),
    mode: z.string().describe("As `ls -l` shows it: `-rw-r--r--`."),
    mtime: z.int().describe("Seconds since 1970."),
    uid: z.int(),
    gid: z.int(),
    user: z.string(),
    group: z.string(),
    symlink_target: z.string().nullable(),
  })
  .meta({ id: "FileInfo" });
export type FileInfo = z.infer<typeof FileInfo>;

export const FileList = z.object({ path: z.string(), entries: z.array(FileInfo) }).meta({ id: "FileList" });

/** A path as clients send it: absolute, or relative to /root, where commands start. */
export const Path = GuestPath.describe("Absolute, or relative to /root. `..` is resolved.");
export const PathQuery = z.object({ path: Path });

export const ReadFileQuery = PathQuery.extend({
  offset: z.coerce.number().int().min(0).optional(),
  length: z.coerce.number().int().min(0).optional(),
});

/** An octal mode as text, `644`, or a number in JSON. */
export const Mode = z.union([
  z.int().min(0).max(0o7777),
  z.string().regex(/^0?[0-7]{1,4}$/, "an octal mode such as 644"),
]);
export function modeBits(mode: z.infer<typeof Mode>): number {
  return typeof mode === "number" ? mode : Number.parseInt(mode, 8);
}

export const WriteFileQuery = PathQuery.extend({
  user: z.string().min(1).max(64).optional().describe("Owner of a new file; default root."),
  mode: z
    .string()
    .regex(/^0?[0-7]{1,4}$/, "an octal mode such as 644")
    .optional(),
  append: Flag,
});
export const WriteFileReply = z.object({ path: z.string(), bytes: z.int() }).meta({ id: "WriteFileReply" });

export const ListFilesQuery = z.object({
  path: Path.optional().describe("Default /."),
  depth: z.coerce.number().int().min(1).max(32).optional(),
});

export const RemoveFileQuery = PathQuery.extend({ recursive: Flag });

export const MakeDirectoryRequest = z
  .object({ path: Path, mode: Mode.nullish(), user: z.string().min(1).max(64).nullish() })
  .meta({ id: "MakeDirectoryRequest" });
export const MoveFileRequest = z
  .object({ from: Path, to: Path, overwrite: z.boolean().nullish().describe("Default true.") })
  .meta({ id: "MoveFileRequest" });
export const ChangeModeRequest = z
  .object({ path: Path, mode: Mode, recursive: z.boolean().nullish() })
  .meta({ id: "ChangeModeRequest" });
export const ChangeOwnerRequest = z
  .object({
    path: Path,
    user: z.string().max(64).nullish(),
    group: z.string().max(64).nullish(),
    recursive: z.boolean().nullish(),
  })
  .meta({ id: "ChangeOwnerRequest" });
export const WatchFilesQuery = PathQuery.extend({ recursive: Flag });
