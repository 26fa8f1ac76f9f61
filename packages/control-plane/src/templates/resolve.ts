import { formatTemplateReference, parseTemplateReference } from "@pandastack/contracts";
import { Refusal } from "@pandastack/platform";
import type { HostInfo, HostTemplateSource, ImageSettings } from "@pandastack/contracts/host";
import type { Principal } from "../calls/call.ts";
import type { Database } from "../persistence/database.ts";
import type { TemplateRow } from "../persistence/tables.ts";
import { catalogue } from "./catalogue-files.ts";
import { ownTemplates, resolveAlias } from "./catalogue.ts";
import { lookUpTemplate, readAlias } from "./find.ts";
import { readTemplates } from "./store.ts";

/** What a sandbox can be made from, by a name that somebody said. */
export interface ResolvedTemplate {
  readonly name: string;
  readonly source: HostTemplateSource;
  /** What its root file system was made from: the same text, the same files. */
  readonly rootKey: string;
  readonly cpu: number;
  readonly memoryMb: number;
  readonly diskMb: number;
  readonly env: Readonly<Record<string, string>>;
  readonly row: TemplateRow | undefined;
  /** It is none: an image that a build begins with. */
  readonly image?: { readonly id: string; readonly settings: ImageSettings; readonly needsShell: boolean };
}

/** In the catalogue, and nobody has asked for it here before: who catches this builds it. */
export class NotBuilt extends Refusal {
  readonly template: string;
  constructor(template: string) {
    super(
      "template.not_ready",
      `template: ${JSON.stringify(template)} is in the catalogue and not built on this server yet; build it with: pandastack template build ${template}`,
      { details: { field: "template", template } },
    );
    this.template = template;
  }
}

/** Works on what may not be built yet: that is built then, and the work is done again. */
export type WithTemplates = <T>(
  caller: { readonly principal: Principal; readonly signal: AbortSignal },
  work: () => Promise<T>,
) => Promise<T>;

export function sourceOf(row: TemplateRow): HostTemplateSource {
  return {
    template: row.name,
    rootKey: row.root_key,
    ...(row.cpu === null ? {} : { cpus: row.cpu }),
    memoryMb: row.memory_mb,
    ...(row.start === null ? {} : { start: row.start }),
  };
}

/** Set-up's own, the workspace's, or everyone's; unknown ones are refused with a list of what there is. */
export async function resolveTemplate(
  db: Database,
  watch: { known(): Promise<HostInfo>; refresh(): Promise<HostInfo> },
  workspace: string,
  asked: string,
): Promise<ResolvedTemplate> {
  const name = resolveAlias(asked);
  const known = await watch.known();
  const own = ownTemplates(known).find((template) => template.name === name);
  if (own !== undefined) return fromHost(own);
  const found = await lookUpTemplate(db, workspace, name);
  if (found === "foreign") throw foreign(asked);
  const { row, reference } = found ?? {};
  if (row !== undefined)
    return {
      name: formatTemplateReference(reference!),
      source: sourceOf(row),
      rootKey: row.root_key,
      cpu: row.cpu ?? 1,
      memoryMb: row.memory_mb,
      diskMb: row.disk_mb,
      env: row.env,
      row,
    };
  const target = await readAlias(db, workspace, name);
  if (target !== undefined) return resolveTemplate(db, watch, workspace, target);
  // One that was made a moment ago is not in what is known; asking again is cheaper than a wrong refusal.
  const fresh = await watch.refresh();
  const late = ownTemplates(fresh).find((template) => template.name === name);
  if (late !== undefined) return fromHost(late);
  throw await unknownTemplate(db, workspace, asked, name, fresh);
}

function fromHost(own: ReturnType<typeof ownTemplates>[number]): ResolvedTemplate {
  return {
    name: own.name,
    source: { template: own.name },
    rootKey: own.rootKey ?? own.name,
    cpu: own.cpus,
    memoryMb: own.memoryMb,
    diskMb: own.diskMb,
    env: {},
    row: undefined,
  };
}

/** Whether there is one that is not published, or none: the same. */
const foreign = (asked: string): Refusal =>
  new Refusal(
    "template.forbidden",
    `template: ${JSON.stringify(asked)} is not published to other workspaces, or there is no such template`,
    { details: { field: "template" } },
  );

async function unknownTemplate(
  db: Database,
  workspace: string,
  asked: string,
  name: string,
  info: HostInfo,
): Promise<Refusal> {
  if (catalogue.some((entry) => entry.name === name)) return new NotBuilt(name);
  const own = ownTemplates(info).map((template) => template.name);
  const rows = await readTemplates(db, workspace);
  const bare = parseTemplateReference(name)?.name;
  const tags = rows.find((row) => row.name === bare)?.tags ?? [];
  if (bare !== undefined && tags.length > 0)
    return new Refusal(
      "template.not_found",
      `template: ${JSON.stringify(bare)} has no ${JSON.stringify(asked)}; there ${tags.length === 1 ? "is" : "are"} ${tags.map((tag) => `${bare}:${tag}`).join(", ")}`,
      { details: { field: "template", templates: tags.map((tag) => `${bare}:${tag}`) } },
    );
  const names = [...new Set([...own, ...rows.map((row) => row.name)])];
  return new Refusal(
    "template.not_found",
    `template: there is no template ${JSON.stringify(asked)}; there ${names.length === 1 ? "is" : "are"} ${names.join(", ") || "none yet"}`,
    { details: { field: "template", templates: names } },
  );
}
