import { collectContext, type ContextFile } from "#context";
import { layoutFile, localFile } from "#layout";
import { type CallOptions, type Http } from "../transport/http.ts";
import { Listing } from "../transport/listing.ts";
import type { TemplateBuildInfo, TemplateInfo } from "../types.ts";
import { TemplateBuild, buildForm } from "./build.ts";
import type { Template } from "./builder.ts";
import { TemplateNames } from "./names.ts";
import { type TemplateWaitOptions, whenTemplateIsReady } from "./wait.ts";

/** What a template is built from, beside its recipe. */
export interface BuildOptions extends CallOptions, TemplateWaitOptions {
  /** Folder that COPY takes from. Default: the working folder. */
  context?: string | undefined;
  /** Which of its files are sent; by default all. */
  filter?: ((path: string) => boolean) | undefined;
  /** In the place of another that has this name. */
  replace?: boolean | undefined;
  cpu?: number | undefined;
  memoryMb?: number | undefined;
  diskMb?: number | undefined;
  /** For `registry`, or that of the image that it begins with: used for this one build and kept nowhere. */
  credentials?:
    | { readonly username: string; readonly password: string; readonly registry?: string | undefined }
    | undefined;
  /** What steps may ask for by id, for this build alone: tokens, passwords, keys. Kept nowhere. */
  secrets?: Readonly<Record<string, string | Uint8Array>> | undefined;
}

/** What sandboxes can be made from. */
export class Templates {
  readonly #http: Http;
  /** Versions, tags, other names, and who may use them. */
  readonly names: TemplateNames;
  constructor(http: Http) {
    this.#http = http;
    this.names = new TemplateNames(http);
  }
  /** The catalogue, then the workspace's own; with `published` what other workspaces let it use, too. */
  list(options: CallOptions & { published?: boolean | undefined } = {}): Listing<TemplateInfo> {
    const { published, ...call } = options;
    return Listing.of(() => this.#http.json("GET", "/templates", { ...call, query: { published } }));
  }
  /** By its name or an alias; `name:tag`, `name@version`, and `workspace/name` of one that is published. */
  async get(name: string, options: CallOptions = {}): Promise<TemplateInfo> {
    return this.#http.json("GET", `/templates/${encodeURIComponent(name)}`, options);
  }
  /** One of the workspace's own, or one tag or version of it. Sandboxes made from it live on. */
  async delete(name: string, options: CallOptions = {}): Promise<void> {
    await this.#http.json("DELETE", `/templates/${encodeURIComponent(name)}`, options);
  }

  /** Begins to build; an identical earlier build is answered as it is. */
  async build(name: string, template: Template, options: BuildOptions = {}): Promise<TemplateBuild> {
    const { steps, stages = [] } = template.recipe;
    const all = [...steps, ...stages.flatMap((stage) => stage.steps)];
    const copies = all.some((step) => "copy" in step && step.copy.source === undefined);
    const files = copies ? filesOf(options) : new Map<string, ContextFile>();
    return this.#build({ name, recipe: JSON.stringify(template.recipe) }, files, options);
  }
  /** The same from a Dockerfile's text. */
  async buildDockerfile(
    name: string,
    dockerfile: string,
    options: BuildOptions & { buildArgs?: Record<string, string> | undefined } = {},
  ): Promise<TemplateBuild> {
    const copies = /^\s*(copy|add)\s+(?!(--\S+\s+)*--from=)/im.test(dockerfile);
    const files = copies ? filesOf(options) : new Map<string, ContextFile>();
    const args = options.buildArgs === undefined ? undefined : JSON.stringify(options.buildArgs);
    return this.#build({ name, dockerfile, build_args: args }, files, options);
  }
  /**
   * Of an image: of a registry (`registry.example.com/name:tag`), or, as `{ path }`, of a file or folder here: an OCI layout, or
   * what `docker save` wrote.
   */
  async buildImage(
    name: string,
    image: string | { readonly path: string },
    options: BuildOptions = {},
  ): Promise<TemplateBuild> {
    if (typeof image === "string") return this.#build({ name, image_ref: image }, new Map(), options);
    return this.#build({ name }, new Map(), options, { image: await layoutFile(image.path) });
  }
  /** Of a root file system: a tar archive, plain or compressed with gzip or zstd. */
  async buildRootfs(name: string, path: string, options: BuildOptions = {}): Promise<TemplateBuild> {
    return this.#build({ name }, new Map(), options, { rootfs: await localFile(path) });
  }
  /** One of the catalogue. */
  async buildCatalogue(name: string, options: CallOptions & TemplateWaitOptions = {}): Promise<TemplateBuild> {
    const path = `/templates/${encodeURIComponent(name)}/build`;
    const { signal } = options;
    const info = await whenTemplateIsReady(this.#http, options, (timeoutMs) =>
      this.#http.json<TemplateBuildInfo>("POST", path, { signal, timeoutMs }),
    );
    return new TemplateBuild(this.#http, info);
  }

  /** The workspace's builds, newest first. */
  builds(options: CallOptions = {}): Listing<TemplateBuildInfo> {
    return Listing.of(() => this.#http.json("GET", "/templates/builds", options));
  }
  /** One build, by its id. */
  async getBuild(id: string, options: CallOptions = {}): Promise<TemplateBuild> {
    const path = `/templates/builds/${encodeURIComponent(id)}`;
    return new TemplateBuild(this.#http, await this.#http.json("GET", path, options));
  }

  async #build(
    fields: Record<string, string | undefined>,
    files: ReadonlyMap<string, ContextFile>,
    options: BuildOptions,
    upload: Readonly<Record<string, File>> = {},
  ): Promise<TemplateBuild> {
    const number = (value: number | undefined) => (value === undefined ? undefined : String(value));
    const sizes = { cpu: number(options.cpu), memory_mb: number(options.memoryMb), size_mb: number(options.diskMb) };
    const { username, password, registry: host } = options.credentials ?? {};
    const registry = { registry_username: username, registry_password: password, registry: host };
    const secrets = options.secrets === undefined ? undefined : secretsField(options.secrets);
    const form = buildForm(
      { ...fields, ...sizes, ...registry, secrets, replace: options.replace ? "true" : undefined },
      files,
    );
    for (const [field, file] of Object.entries(upload)) form.set(field, file, file.name);
    const { signal } = options;
    const info = await whenTemplateIsReady(this.#http, options, (timeoutMs) =>
      this.#http.json<TemplateBuildInfo>("POST", "/templates/build", { body: form, signal, timeoutMs }),
    );
    return new TemplateBuild(this.#http, info);
  }
}

const filesOf = ({ context = ".", filter }: BuildOptions): Map<string, ContextFile> => collectContext(context, filter);

const base64 = (value: string | Uint8Array): string => {
  const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
};
const secretsField = (secrets: Readonly<Record<string, string | Uint8Array>>): string =>
  JSON.stringify(Object.fromEntries(Object.entries(secrets).map(([id, value]) => [id, base64(value)])));
