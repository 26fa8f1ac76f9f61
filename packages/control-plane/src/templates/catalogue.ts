import type { Template } from "@pandastack/contracts";
import { Refusal } from "@pandastack/platform";
import type { HostInfo, HostTemplate } from "@pandastack/contracts/host";

export const DEFAULT_TEMPLATE = "base";

/** Names that clients send out of habit: the published client's default, its apps' default, and what old texts show. */
const ALIASES: Readonly<Record<string, string>> = { "ubuntu-24.04": "base", "ubuntu-24.04-net": "base", node: "base" };

export function resolveAlias(name: string): string {
  return ALIASES[name] ?? name;
}

/** The catalogue: what the host's templates are, whatever runtimes they are baked for. */
export function listCatalogue(info: HostInfo): Template[] {
  const byName = Map.groupBy(info.templates, (template) => template.name);
  return [...byName]
    .map(([name, variants]) => catalogueEntry(name, variants))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function catalogueEntry(name: string, variants: HostTemplate[]): Template {
  const shown = variants.find((variant) => variant.status === "ready") ?? variants[0]!;
  return {
    name,
    rootfs_path: `/var/lib/pandastack/templates/${name}/rootfs.ext4`,
    size_bytes: shown.sizeBytes,
    cpu: shown.cpus,
    memory_mb: shown.memoryMb,
    disk_mb: shown.diskMb,
    is_global: true,
    status: shown.status,
    runtimes: [...new Set(variants.map((variant) => variant.runtime))],
    aliases: Object.keys(ALIASES).filter((alias) => ALIASES[alias] === name),
    ...(shown.error === null ? {} : { error: shown.error }),
  };
}

export function findTemplate(info: HostInfo, name: string): Template {
  const wanted = resolveAlias(name);
  const template = listCatalogue(info).find((entry) => entry.name === wanted);
  if (template === undefined) throw new Refusal("template.unknown", "no such template");
  return template;
}

/** The template that a create asks for; unknown ones are refused with a list of what there is. */
export function requireTemplate(info: HostInfo, name: string): Template {
  const wanted = resolveAlias(name);
  const catalogue = listCatalogue(info);
  const template = catalogue.find((entry) => entry.name === wanted);
  if (template !== undefined) return template;
  const names = catalogue.map((entry) => entry.name);
  throw new Refusal(
    "template.not_found",
    `template: there is no template ${JSON.stringify(name)}; there ${names.length === 1 ? "is" : "are"} ${names.join(", ") || "none yet"}`,
    {
      details: { field: "template", templates: names },
    },
  );
}
