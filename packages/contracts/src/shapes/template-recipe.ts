import { z } from "zod";
import { Env } from "../host/commands.ts";
import { TemplateName } from "./template-reference.ts";
import { SecretMount, SECRETS_LIMIT } from "./template-secrets.ts";

/** Longest that one step may take; what takes longer has hung. */
export const STEP_TIMEOUT_LIMIT_SECONDS = 3_600;
export const STEP_TIMEOUT_DEFAULT_SECONDS = 600;
export const READY_TIMEOUT_DEFAULT_SECONDS = 120;
/** A recipe is read, hashed and kept whole. */
export const STEPS_LIMIT = 100;
/** Each has a machine of its own while it is built. */
export const STAGES_LIMIT = 20;

const Text = z
  .string()
  .min(1)
  .max(32_768)
  .regex(/^[^\0]*$/);
const UserName = z
  .string()
  .max(64)
  .regex(/^[A-Za-z0-9_][A-Za-z0-9_.:-]*$/, "a user's name or number");

/** One step of a recipe. */
export const TemplateStep = z.union([
  z.strictObject({
    run: Text,
    timeout_seconds: z.int().min(1).max(STEP_TIMEOUT_LIMIT_SECONDS).optional(),
    /** That it needs, of those that the build is given. */
    secrets: z.array(SecretMount).max(SECRETS_LIMIT).optional(),
  }),
  z.strictObject({
    copy: z.strictObject({
      /** Paths in the context, or in `source`; `*`, `?` and `**` as in shells. */
      from: z.array(Text).min(1).max(100),
      /** Whose files they are: a stage of this recipe, or a template. Absent: the context's. */
      source: z.string().min(1).max(512).optional(),
      /** Archives of the context are unpacked, as Docker's ADD does. */
      unpack: z.boolean().optional(),
      /** With a slash at its end: into this folder. */
      to: Text,
      owner: UserName.optional(),
      mode: z
        .string()
        .regex(/^[0-7]{3,4}$/)
        .optional(),
    }),
  }),
  z.strictObject({ env: Env }),
  /** As `env`, for the steps alone: it is not in the template. */
  z.strictObject({ arg: Env }),
  z.strictObject({ workdir: Text }),
  z.strictObject({ user: UserName }),
]);
export type TemplateStep = z.infer<typeof TemplateStep>;

/** Built beside the template, for the files that `copy` takes out of it. */
export const TemplateStage = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, "a stage's name"),
  from: z.string().min(1).max(512).default("base"),
  steps: z.array(TemplateStep).max(STEPS_LIMIT).default([]),
});
export type TemplateStage = z.infer<typeof TemplateStage>;

/** A template as it is written down: `templates/<name>/template.yaml`, a Dockerfile in other words, or the SDK's builder. */
export const TemplateRecipe = z
  .strictObject({
    name: TemplateName.optional(),
    label: z.string().max(128).optional(),
    description: z.string().max(4_096).optional(),
    category: z.string().max(64).optional(),
    tools: z.array(z.string().max(64)).max(100).optional(),
    /** Another template, or an image: `registry.example.com/name:tag`. */
    from: z.string().min(1).max(512).default("base"),
    cpu: z.int().min(1).max(64).optional(),
    memory_mb: z.int().min(128).max(65_536).optional(),
    disk_mb: z.int().min(1_024).max(65_536).optional(),
    user: UserName.optional(),
    env: Env.optional(),
    /** In the order in which they are needed: a stage may copy from those before it. */
    stages: z.array(TemplateStage).max(STAGES_LIMIT).optional(),
    steps: z.array(TemplateStep).max(STEPS_LIMIT).default([]),
    /** Runs when its memory is taken, and so in every sandbox from its first moment. */
    start: Text.optional(),
    /** The words of `start`, for the entry point of an image where that has one. */
    cmd: z.array(z.string().max(32_768)).max(256).optional(),
    /** Tried until it ends with 0. */
    ready: Text.optional(),
    ready_timeout_seconds: z.int().min(1).max(STEP_TIMEOUT_LIMIT_SECONDS).optional(),
    /** Memory of the sandbox that it is built in. */
    build_memory_mb: z.int().min(256).max(65_536).optional(),
  })
  .meta({ id: "TemplateRecipe" });
export type TemplateRecipe = z.infer<typeof TemplateRecipe>;

/** Body of `POST /v1/sandboxes/{id}/bake-image`. */
export const BakeImageRequest = z
  .object({
    image_name: TemplateName.describe("The template's name."),
    label: z.string().max(128).optional(),
    description: z.string().max(4_096).optional(),
    start: Text.optional().describe("Started before its memory is taken. Default: what the sandbox's template starts."),
    ready: Text.optional().describe("Tried until it ends with 0; only then is its memory taken."),
    ready_timeout_seconds: z.int().min(1).max(STEP_TIMEOUT_LIMIT_SECONDS).optional(),
    replace: z.boolean().nullish().describe("In the place of another template of this name."),
    wait: z.boolean().nullish().describe("false: answer once it has begun. Default true."),
    start_unit: z.string().nullish().describe("Refused: there is no systemd in sandboxes."),
    workspace: z.string().nullish().describe("The sandbox's own; another one is refused."),
  })
  .meta({ id: "BakeImageRequest" });
export type BakeImageRequest = z.infer<typeof BakeImageRequest>;
