import type { Template } from "@pandastack/contracts";
import type { HostInfo, HostTemplate } from "@pandastack/contracts/host";
import { Refusal } from "@pandastack/platform";
import type { TemplateRow } from "../persistence/tables.ts";
import { catalogue, type CatalogueEntry } from "./catalogue-files.ts";
import { nameFor } from "./find.ts";
import { EVERYONE } from "./store.ts";

export const DEFAULT_TEMPLATE = "base";
/** Of a template that says nothing. */
export const DEFAULT_MEMORY_MB = 512;
export const DEFAULT_DISK_MB = 8_192;

/** Names that clients send out of habit: the published client's default, its apps' default, and what old texts show. */
const ALIASES: Readonly<Record<string, string>> = { "ubuntu-24.04": "base", "ubuntu-24.04-net": "base", node: "base" };

export function resolveAlias(name: string): string {
  return ALIASES[name] ?? name;
}

const aliasesOf = (name: string): string[] => Object.keys(ALIASES).filter((alias) => ALIASES[alias] === name);
const pathOf = (name: string): string => `/var/lib/pandastack/templates/${name}/rootfs.ext4`;

/** Set-up's own templates, each as its best variant. */
export function ownTemplates(info: HostInfo): (HostTemplate & { readonly runtimes: string[] })[] {
  const byName = Map.groupBy(
    info.templates.filter((template) => template.isOwn),
    (template) => template.name,
  );
  return [...byName.values()].map((variants) => ({
    ...(variants.find((variant) => variant.status === "ready") ?? variants[0]!),
    runtimes: [...new Set(variants.map((variant) => variant.runtime))],
  }));
}

export interface CatalogueView {
  readonly info: HostInfo;
  /** The workspace's, and everyone's. */
  readonly rows: readonly TemplateRow[];
  /** Names of everyone's that are being built. */
  readonly building: ReadonlySet<string>;
  /** Other names in the workspace, by what they stand for. */
  readonly aliases: ReadonlyMap<string, string[]>;
  readonly workspace: string;
}

/** What a workspace can make sandboxes of: what is everyone's, then its own, each by name. */
export function listTemplates(view: CatalogueView): Template[] {
  const own = ownTemplates(view.info);
  const global = view.rows.filter((row) => row.workspace === EVERYONE);
  const shared = [
    ...own.map(ofHost),
    ...global
      .filter((row) => !own.some(({ name }) => name === row.name))
      .map((row) => ofRow(row, view.info, view.workspace)),
  ];
  const rest = catalogue
    .filter(({ name }) => !shared.some((template) => template.name === name))
    .map((entry) => ofEntry(entry, view.building.has(entry.name)));
  const mine = view.rows.filter((row) => row.workspace === view.workspace);
  const foreign = view.rows.filter((row) => row.workspace !== EVERYONE && row.workspace !== view.workspace);
  const listed = [mine, foreign].flatMap((rows) =>
    rows.map((row) => ofRow(row, view.info, view.workspace)).sort(byName),
  );
  return [...[...shared, ...rest].sort(byName), ...listed].map((template) => ({
    ...template,
    aliases: [...template.aliases, ...(view.aliases.get(template.name) ?? [])],
  }));
}

/** One as the list has it, of the version that was asked for. */
export function describeTemplate(view: CatalogueView, row: TemplateRow): Template {
  const template = ofRow(row, view.info, view.workspace);
  return { ...template, aliases: view.aliases.get(template.name) ?? [] };
}

/** What the list has under this name, but is in no table: set-up's own, and the catalogue's that are not built. */
export function findUnstored(view: CatalogueView, name: string): Template {
  const found = listTemplates({ ...view, rows: [] }).find((entry) => entry.name === resolveAlias(name));
  if (found === undefined) throw new Refusal("template.unknown", "no such template");
  return found;
}

const byName = (a: Template, b: Template): number => (a.name < b.name ? -1 : 1);

type About = Partial<Record<"label" | "description" | "category", string | undefined>> & {
  readonly tools?: string[] | undefined;
};
const aboutOf = ({ label, description, category, tools }: About) => ({
  ...(label === undefined ? {} : { label }),
  ...(description === undefined ? {} : { description }),
  ...(category === undefined ? {} : { category }),
  ...(tools === undefined ? {} : { tools }),
});

function ofHost(own: ReturnType<typeof ownTemplates>[number]): Template {
  const entry = catalogue.find(({ name }) => name === own.name);
  return {
    ...(entry === undefined ? {} : aboutOf(entry.recipe)),
    name: own.name,
    rootfs_path: pathOf(own.name),
    size_bytes: own.sizeBytes,
    cpu: own.cpus,
    memory_mb: own.memoryMb,
    disk_mb: own.diskMb,
    is_global: true,
    status: own.status,
    runtimes: own.runtimes,
    aliases: aliasesOf(own.name),
    ...(own.error === null ? {} : { error: own.error }),
  };
}

function ofRow(row: TemplateRow, info: HostInfo, workspace: string): Template {
  const variants = info.templates.filter((one) => one.rootKey === row.root_key && one.name === row.name);
  const isGlobal = row.workspace === EVERYONE;
  return {
    ...aboutOf({ category: isGlobal ? undefined : "custom", ...row.about }),
    ...(row.about.ports === undefined ? {} : { ports: row.about.ports }),
    name: nameFor(workspace, row),
    rootfs_path: pathOf(row.name),
    size_bytes: row.bytes,
    cpu: row.cpu ?? 1,
    memory_mb: row.memory_mb,
    disk_mb: row.disk_mb,
    is_global: isGlobal,
    ...(isGlobal ? {} : { workspace: row.workspace }),
    base: row.base,
    version: row.build_id,
    tags: row.tags,
    ...(isGlobal ? {} : { published: row.published_at !== null }),
    status: "ready",
    runtimes: variants.map((variant) => variant.runtime),
    aliases: [],
  };
}

function ofEntry({ name, recipe }: CatalogueEntry, isBuilding: boolean): Template {
  return {
    ...aboutOf(recipe),
    name,
    rootfs_path: pathOf(name),
    size_bytes: 0,
    cpu: recipe.cpu ?? 1,
    memory_mb: recipe.memory_mb ?? DEFAULT_MEMORY_MB,
    disk_mb: recipe.disk_mb ?? DEFAULT_DISK_MB,
    is_global: true,
    base: recipe.from,
    status: isBuilding ? "building" : "available",
    runtimes: [],
    aliases: [],
  };
}
