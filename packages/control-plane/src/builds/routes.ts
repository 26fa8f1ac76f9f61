import { setTimeout as delay } from "node:timers/promises";
import { isOn, parseTemplateReference, TemplateRecipe, TemplateTarget } from "@pandastack/contracts";
import { Refusal } from "@pandastack/platform";
import type { Call, Handlers } from "../calls/call.ts";
import { eventStream, frame } from "../calls/server-sent-events.ts";
import type { TemplateBuildRow } from "../persistence/tables.ts";
import { onSandbox } from "../sandboxes/entry.ts";
import type { SandboxParts } from "../sandboxes/parts.ts";
import { catalogue } from "../templates/catalogue-files.ts";
import { listTemplates, ownTemplates, resolveAlias } from "../templates/catalogue.ts";
import { deleteTemplate } from "../templates/remove.ts";
import type { WithTemplates } from "../templates/resolve.ts";
import { bakeRequest } from "./bake-job.ts";
import type { TemplateBuilds } from "./builds.ts";
import { showTemplate, viewOf } from "./catalogue-view.ts";
import { parseDockerfile } from "./dockerfile.ts";
import type { RegistryCredentials } from "./images.ts";
import { readForm, type BuildForm, type TakeUpload } from "./multipart.ts";
import { namingHandlers } from "./naming-routes.ts";
import { forgetRoot } from "./roots.ts";
import { readSecrets } from "./secrets.ts";
import { UploadSlots } from "./upload-slots.ts";
import { buildInfo, findBuild, listBuilds, readLog } from "./store.ts";

type Operations =
  | keyof ReturnType<typeof namingHandlers>
  | "listTemplates"
  | "getTemplate"
  | "deleteTemplate"
  | "buildTemplate"
  | "buildCatalogueTemplate"
  | "listTemplateBuilds"
  | "getTemplateBuild"
  | "getTemplateBuildLogs"
  | "bakeImage";

const FOLLOW_MS = 300;

export function templateHandlers(
  parts: SandboxParts,
  builds: TemplateBuilds,
  withTemplates: WithTemplates,
): Pick<Handlers, Operations> {
  const { db, watch } = parts;
  const uploads = new UploadSlots();
  return {
    ...namingHandlers(parts),
    listTemplates: async ({ principal, query }) => ({
      status: 200,
      body: listTemplates(await viewOf(parts, principal.workspace, { published: isOn(query.published) })),
    }),
    getTemplate: async ({ principal, params }) => ({
      status: 200,
      body: await showTemplate(parts, principal.workspace, params.name),
    }),
    deleteTemplate: async ({ principal: { workspace }, params: { name } }) => {
      const reference = parseTemplateReference(name);
      const isOwn = reference !== undefined && [undefined, workspace].includes(reference.workspace);
      const isWhole = !/[:@]/.test(name);
      const roots = isOwn ? await deleteTemplate(db, workspace, { ...reference, isWhole }) : undefined;
      if (roots === undefined) {
        await showTemplate(parts, workspace, name);
        throw new Refusal("template.forbidden", "this template is not this workspace's own; it cannot be deleted here");
      }
      for (const key of roots) await forgetRoot(parts, key);
      return { status: 204 };
    },
    buildTemplate: async (call) => {
      const upload: TakeUpload = (kind, bytes) =>
        uploads.run(call.principal.workspace, () => parts.host.uploadImage(kind, bytes, call.signal));
      const form = await readForm(call.body, call.contentType, upload);
      try {
        const request = requestOf(form, isOn(call.query.replace));
        const begin = () => builds.begin(call.principal, { ...request, isGlobal: false });
        const { build, isNew } = await withTemplates(call, begin);
        return { status: isNew ? 202 : 200, body: buildInfo(build) };
      } catch (error) {
        if (form.upload !== undefined) await parts.host.releaseImage(form.upload.image.id).catch(() => {});
        throw error;
      }
    },
    buildCatalogueTemplate: async ({ principal, params, signal }) => {
      const name = resolveAlias(params.name);
      const entry = catalogue.find((one) => one.name === name);
      if (entry === undefined) throw new Refusal("template.unknown", "no such template in the catalogue");
      if (ownTemplates(await watch.known()).some((own) => own.name === name))
        throw new Refusal("template.forbidden", `${JSON.stringify(name)} is made by set-up, at the server's start`);
      const request = { name, recipe: entry.recipe, context: entry.files, isGlobal: true, replace: true };
      const { build, isNew } = await withTemplates({ principal, signal }, () => builds.begin(principal, request));
      return { status: isNew ? 202 : 200, body: buildInfo(build) };
    },
    bakeImage: onSandbox(parts, "bakeImage", async ({ principal, body, signal }, row) => {
      const build = await builds.bake(principal, row, bakeRequest(body, row));
      if (body.wait === false)
        return { status: 202, body: { image: build.name, status: "building", build: buildInfo(build) } };
      const done = await waitForBuild(db, build, signal);
      return { status: 201, body: { image: done.name, status: "baked", build: buildInfo(done) } };
    }),
    listTemplateBuilds: async ({ principal }) => ({
      status: 200,
      body: (await listBuilds(db, principal.workspace)).map(buildInfo),
    }),
    getTemplateBuild: async ({ principal, params }) => ({
      status: 200,
      body: buildInfo(await findBuild(db, principal.workspace, params.id)),
    }),
    getTemplateBuildLogs: async (call) => {
      await findBuild(db, call.principal.workspace, call.params.id);
      return {
        status: 200,
        mediaType: "text/event-stream",
        stream: eventStream(logFrames(parts, call), call.heartbeatMs),
      };
    },
  };
}

/** Until it has ended; it goes on where the caller goes away. */
async function waitForBuild(
  db: SandboxParts["db"],
  { workspace, id }: TemplateBuildRow,
  signal: AbortSignal,
): Promise<TemplateBuildRow> {
  for (;;) {
    const build = await findBuild(db, workspace, id);
    if (build.status === "done") return build;
    if (build.status === "failed")
      throw new Refusal("template.build_failed", build.error ?? "the build failed", { details: { build: id } });
    await delay(FOLLOW_MS, undefined, { signal });
  }
}

async function* logFrames(parts: SandboxParts, call: Call<"getTemplateBuildLogs">): AsyncGenerator<string> {
  const { db } = parts;
  for (let after = 0; !call.signal.aborted;) {
    // Before the lines: what is written before a build has ended is there when it has.
    const { status } = await findBuild(db, call.principal.workspace, call.params.id);
    const lines = await readLog(db, call.params.id, after);
    for (const { seq, line } of lines) {
      after = seq;
      yield frame(null, { line });
    }
    if (lines.length > 0) continue;
    if (status === "done" || status === "failed" || !isOn(call.query.follow)) break;
    await delay(FOLLOW_MS, undefined, { signal: call.signal }).catch(() => {});
  }
  yield "event: done\ndata: end\n\n";
}

function requestOf({ fields, files, upload }: BuildForm, isReplacing: boolean) {
  const name = TemplateTarget.safeParse(fields["name"]);
  if (!name.success) throw bad("name", name.error.issues[0]?.message ?? "is needed");
  const given = ["dockerfile", "recipe", "image_ref"].filter((field) => fields[field] !== undefined);
  if (given.length + (upload === undefined ? 0 : 1) !== 1)
    throw bad(
      "dockerfile",
      "exactly one of `dockerfile`, `recipe`, `image_ref`, and a file `rootfs` or `image` is needed",
    );
  const parsed = parsedOf(fields, upload !== undefined);
  const number = (field: string): number | undefined => {
    const text = fields[field];
    if (text === undefined || text === "") return undefined;
    if (!/^\d{1,6}$/.test(text)) throw bad(field, "a whole number is needed");
    return Number(text);
  };
  const sizes = { cpu: number("cpu"), memory_mb: number("memory_mb"), disk_mb: number("size_mb") };
  const recipe = TemplateRecipe.safeParse({ ...parsed, ...definedOf(sizes), name: undefined });
  if (!recipe.success) {
    const issue = recipe.error.issues[0];
    throw bad(issue?.path.join(".") || "recipe", issue?.message ?? "is not a recipe");
  }
  return {
    name: name.data,
    recipe: recipe.data,
    context: files,
    upload,
    isImage: fields["image_ref"] !== undefined,
    ...credentialsOf(fields),
    secrets: readSecrets(fields["secrets"]),
    replace: isReplacing || ["1", "true"].includes(fields["replace"] ?? ""),
  };
}

function parsedOf(fields: BuildForm["fields"], isUploaded: boolean): object {
  // Its digest says what it is, not what its file was called.
  if (isUploaded) return { from: "upload" };
  if (fields["image_ref"] !== undefined) return { from: fields["image_ref"] };
  if (fields["recipe"] !== undefined) return readRecipe(fields["recipe"]);
  return parseDockerfile(fields["dockerfile"]!, argumentsOf(fields["build_args"]));
}

/** For the registry of the image that the template begins with, unless another is said. */
function credentialsOf(fields: BuildForm["fields"]): { credentials?: RegistryCredentials } {
  const { registry_username: username, registry_password: password, registry } = fields;
  if (username === undefined && password === undefined) return {};
  if (!username || !password) throw bad("registry_password", "`registry_username` and `registry_password` go together");
  return { credentials: { registry, username, password } };
}

const definedOf = (values: Record<string, number | undefined>): Record<string, number> =>
  Object.fromEntries(Object.entries(values).filter((entry): entry is [string, number] => entry[1] !== undefined));

function readRecipe(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value;
  } catch {
    // Said below.
  }
  throw bad("recipe", "a JSON object is needed");
}

function argumentsOf(text: string | undefined): Record<string, string> {
  if (text === undefined || text === "") return {};
  const values = readRecipe(text);
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)]));
}

const bad = (field: string, why: string): Refusal =>
  new Refusal("validation.failed", `${field}: ${why}`, { details: { field } });
