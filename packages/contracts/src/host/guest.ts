import { z } from "zod";
import { Env } from "./commands.ts";

/** A path inside a sandbox: absolute once normalised; `..` is legal, NUL is not. */
export const GuestPath = z
  .string()
  .min(1)
  .max(4096)
  .regex(/^[^\0]*$/, "a path cannot contain a NUL character");

export const ExecRequest = z.object({
  /** Either this, run by `/bin/sh -c`, or `argv`. */
  shell: z.string().optional(),
  argv: z.array(z.string()).min(1).optional(),
  env: Env.optional(),
  cwd: GuestPath.optional(),
  user: z.string().max(64).optional(),
  /** False: the command's stdin is /dev/null. */
  stdin: z.boolean().optional(),
  /** 0: none. On expiry the process group is killed and the exit code is 124. */
  timeoutMs: z.int().min(0).optional(),
  pty: z.object({ rows: z.int().min(1).max(1000), cols: z.int().min(1).max(1000) }).optional(),
  detach: z.boolean().optional(),
  id: z.string().max(64).optional(),
  tag: z.string().max(256).optional(),
});
export type ExecRequest = z.infer<typeof ExecRequest>;

export const ExecResult = z.object({
  exit_code: z.int(),
  signal: z.string().nullable(),
  timed_out: z.boolean(),
  duration_ms: z.number(),
});
export type ExecResult = z.infer<typeof ExecResult>;

export const FileEntry = z.object({
  name: z.string(),
  path: z.string(),
  type: z.enum(["file", "dir", "symlink", "char", "block", "fifo", "socket"]),
  size: z.int(),
  mode: z.int(),
  mode_string: z.string(),
  uid: z.int(),
  gid: z.int(),
  user: z.string(),
  group: z.string(),
  mtime_ms: z.number(),
  symlink_target: z.string().nullable(),
});
export type FileEntry = z.infer<typeof FileEntry>;

export const ProcessInfo = z.object({
  id: z.string(),
  pid: z.int(),
  argv: z.array(z.string()).nullable(),
  shell: z.string().nullable(),
  cwd: z.string(),
  user: z.string(),
  tag: z.string().nullable(),
  pty: z.boolean(),
  stdin: z.boolean(),
  running: z.boolean(),
  exit_code: z.int().nullable(),
  started_at_ms: z.number(),
});
export type ProcessInfo = z.infer<typeof ProcessInfo>;

/** File operations that answer with one JSON document, by name and arguments, as in docs/guest-protocol.md. */
export const FsOperation = z.discriminatedUnion("op", [
  z.object({ op: z.literal("stat"), path: GuestPath, follow: z.boolean().optional() }),
  z.object({
    op: z.literal("mkdir"),
    path: GuestPath,
    parents: z.boolean().optional(),
    mode: z.int().optional(),
    user: z.string().optional(),
  }),
  z.object({ op: z.literal("move"), from: GuestPath, to: GuestPath, overwrite: z.boolean().optional() }),
  z.object({
    op: z.literal("remove"),
    path: GuestPath,
    recursive: z.boolean().optional(),
    missing_ok: z.boolean().optional(),
  }),
  z.object({ op: z.literal("chmod"), path: GuestPath, mode: z.int(), recursive: z.boolean().optional() }),
  z.object({
    op: z.literal("chown"),
    path: GuestPath,
    user: z.string().optional(),
    group: z.string().optional(),
    recursive: z.boolean().optional(),
  }),
  z.object({ op: z.literal("xattr.get"), path: GuestPath, name: z.string() }),
  z.object({ op: z.literal("xattr.set"), path: GuestPath, name: z.string(), value: z.base64() }),
  z.object({ op: z.literal("xattr.list"), path: GuestPath }),
  z.object({ op: z.literal("xattr.remove"), path: GuestPath, name: z.string() }),
]);
export type FsOperation = z.infer<typeof FsOperation>;
