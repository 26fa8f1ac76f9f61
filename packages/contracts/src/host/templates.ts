import { z } from "zod";

/** Key of a root file system: what it was made from, hashed. */
export const RootKey = z.string().regex(/^[0-9a-f]{32}$/);

/** Started in a template's machine before its memory is taken. */
export const TemplateStart = z.object({
  start: z.string().optional(),
  ready: z.string().optional(),
  readyTimeoutMs: z.int().min(1),
  user: z.string(),
  cwd: z.string(),
  env: z.record(z.string(), z.string()),
});
export type TemplateStart = z.infer<typeof TemplateStart>;

/** What a template is to a host: a root file system that it has, the machine around it, and what runs in that. */
export const HostTemplateSource = z.object({
  /** As sandboxes say it. */
  template: z.string(),
  /** Absent: set-up's own, by the template's name. */
  rootKey: RootKey.optional(),
  /** Absent: the runtime's usual. */
  cpus: z.int().min(1).optional(),
  memoryMb: z.int().min(64).optional(),
  start: TemplateStart.optional(),
});
export type HostTemplateSource = z.infer<typeof HostTemplateSource>;

/** Of a root file system that is, or was, being taken out of a sandbox. */
export const HostRoot = z.object({
  key: RootKey,
  state: z.enum(["absent", "exporting", "ready", "failed"]),
  bytes: z.int(),
  error: z.string().nullable(),
});
export type HostRoot = z.infer<typeof HostRoot>;

/** Body of `POST /v1/roots`: begins, or answers how far it is. */
export const ExportRootRequest = z.object({
  key: RootKey,
  sandboxId: z.string(),
  /** How large its disk is where it has one. */
  diskMb: z.int().min(512),
});
export type ExportRootRequest = z.infer<typeof ExportRootRequest>;

/** What an image says of the programs in it. */
export const ImageSettings = z.object({
  env: z.record(z.string(), z.string()),
  user: z.string().nullable(),
  workdir: z.string().nullable(),
  entrypoint: z.array(z.string()),
  cmd: z.array(z.string()),
  /** `8080/tcp` */
  ports: z.array(z.string()),
});
export type ImageSettings = z.infer<typeof ImageSettings>;

/** Reply to `POST /v1/images` and `…/resolve`: an image that a root can be made of. */
export const HostImage = z.object({
  /** Forgotten after two hours, and with the host agent. */
  id: z.string(),
  /** Of what it is made of: the same digest, the same files. */
  digest: z.string(),
  settings: ImageSettings,
});
export type HostImage = z.infer<typeof HostImage>;

/** Body of `POST /v1/images/resolve`. */
export const ResolveImageRequest = z.object({
  reference: z.string().min(1).max(1_024),
  credentials: z.object({ username: z.string().max(1_024), password: z.string().max(16_384) }).optional(),
});
export type ResolveImageRequest = z.infer<typeof ResolveImageRequest>;

/** Body of `POST /v1/roots/import`: begins, or answers how far it is. */
export const ImportRootRequest = z.object({
  key: RootKey,
  imageId: z.string(),
  diskMb: z.int().min(512),
  /** Refused without `/bin/sh`. */
  needsShell: z.boolean(),
});
export type ImportRootRequest = z.infer<typeof ImportRootRequest>;

/** Body of `POST /v1/templates`: makes the runtime's variant, waits for some seconds, and answers how far it is. */
export const PrepareTemplateRequest = z.object({
  source: HostTemplateSource,
  runtime: z.enum(["auto", "microvm", "gvisor", "fake"]),
});
export type PrepareTemplateRequest = z.infer<typeof PrepareTemplateRequest>;

export const PreparedTemplate = z.object({
  state: z.enum(["baking", "ready", "failed"]),
  error: z.string().nullable(),
  cpus: z.int(),
  memoryMb: z.int(),
  diskMb: z.int(),
});
export type PreparedTemplate = z.infer<typeof PreparedTemplate>;
