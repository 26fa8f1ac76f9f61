import { z } from "zod";

/** Largest values that an admin may set: beyond, one workspace could take the whole server down with it. */
const COUNT_MAX = 1_000_000;
const BODY_BYTES_MAX = 16 * 1024 * 1024;
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

const count = (text: string) => z.int().min(0).max(COUNT_MAX).describe(text);

export const WorkspaceLimits = z
  .object({
    sandboxes: count("Sandboxes in any state."),
    running_sandboxes: count("Sandboxes with a machine: running, paused, or being created."),
    snapshots: count("Snapshots."),
    templates: count("Templates of its own, each with its tags and versions."),
    template_builds: count("Builds of templates that are queued or run at a time."),
    streams: count("Streams and sockets that are open at a time, on each control plane."),
    processes: count("Commands and terminals that are waited for at a time, on each control plane."),
    body_bytes: z.int().min(1024).max(BODY_BYTES_MAX).describe("Largest JSON body."),
    output_bytes: z.int().min(1024).max(OUTPUT_BYTES_MAX).describe("What `exec` keeps of each stream."),
  })
  .meta({ id: "WorkspaceLimits" });
export type WorkspaceLimits = z.infer<typeof WorkspaceLimits>;
export type WorkspaceLimitName = keyof WorkspaceLimits;

export const WorkspaceUsage = z
  .object({
    sandboxes: z.int(),
    running_sandboxes: z.int(),
    snapshots: z.int(),
    templates: z.int(),
    template_builds: z.int(),
    streams: z.int().describe("On the control plane that answers."),
    processes: z.int().describe("On the control plane that answers."),
  })
  .meta({ id: "WorkspaceUsage" });
export type WorkspaceUsage = z.infer<typeof WorkspaceUsage>;

export const WorkspaceLimitsReply = z
  .object({
    workspace: z.string(),
    limits: WorkspaceLimits,
    defaults: WorkspaceLimits.describe("What counts where nothing was set for the workspace."),
    usage: WorkspaceUsage,
  })
  .meta({ id: "WorkspaceLimitsReply" });

const nullish = <S extends z.ZodType>(schema: S) => schema.nullish();

/** `null` goes back to the default; what is missing stays. */
export const UpdateWorkspaceLimitsRequest = z
  .strictObject({
    sandboxes: nullish(WorkspaceLimits.shape.sandboxes),
    running_sandboxes: nullish(WorkspaceLimits.shape.running_sandboxes),
    snapshots: nullish(WorkspaceLimits.shape.snapshots),
    templates: nullish(WorkspaceLimits.shape.templates),
    template_builds: nullish(WorkspaceLimits.shape.template_builds),
    streams: nullish(WorkspaceLimits.shape.streams),
    processes: nullish(WorkspaceLimits.shape.processes),
    body_bytes: nullish(WorkspaceLimits.shape.body_bytes),
    output_bytes: nullish(WorkspaceLimits.shape.output_bytes),
  })
  .meta({ id: "UpdateWorkspaceLimitsRequest" });
