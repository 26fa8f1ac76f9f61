import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { TemplateRecipe } from "@pandastack/contracts";

/**
 * A template of the catalogue: its recipe, and its context: the files beside it, and those that any may copy: of folders that have
 * no recipe, and of the server's own.
 */
export interface CatalogueEntry {
  readonly name: string;
  readonly recipe: TemplateRecipe;
  readonly files: ReadonlyMap<string, { readonly bytes: Buffer; readonly mode: number }>;
}

const RECIPE = "template.yaml";
/** What the server would put into a sandbox of any template at the first use: one that brings it along has it running. */
const OWN_FILES = {
  "pandastack/code-interpreter": fileURLToPath(new URL("../../guest/code-interpreter", import.meta.url)),
};

/** `templates/<name>/template.yaml`, of every template. */
export function readCatalogue(folder: string): CatalogueEntry[] {
  const folders = existsSync(folder) ? readdirSync(folder, { withFileTypes: true }) : [];
  const names = folders.flatMap((entry) => (entry.isDirectory() ? [entry.name] : [])).sort();
  const isTemplate = (name: string): boolean => existsSync(join(folder, name, RECIPE));
  const shared = names.filter((name) => !isTemplate(name)).map((name) => [name, join(folder, name)] as const);
  const own = [...shared, ...Object.entries(OWN_FILES)].flatMap(([prefix, path]) =>
    [...readFiles(path)].map(([name, file]) => [`${prefix}/${name}`, file] as const),
  );
  return names.filter(isTemplate).map((name) => ({
    name,
    recipe: readRecipe(folder, name),
    files: new Map([...readFiles(join(folder, name)), ...own]),
  }));
}

function readRecipe(folder: string, name: string): TemplateRecipe {
  const path = join(folder, name, RECIPE);
  const parsed = TemplateRecipe.safeParse(parse(readFileSync(path, "utf8")));
  if (!parsed.success) throw new Error(`${path}: ${parsed.error.message}`);
  if (parsed.data.name !== undefined && parsed.data.name !== name)
    throw new Error(`${path}: its name is ${parsed.data.name}, that of its folder ${name}`);
  return parsed.data;
}

function readFiles(folder: string): Map<string, { bytes: Buffer; mode: number }> {
  const files = new Map<string, { bytes: Buffer; mode: number }>();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = relative(folder, path);
    if (!entry.isFile() || name === RECIPE || name.endsWith(".pyc")) continue;
    // Who else may read a clone is its owner's business.
    files.set(name, { bytes: readFileSync(path), mode: (statSync(path).mode & 0o100) === 0 ? 0o644 : 0o755 });
  }
  return files;
}

// Read while this module loads: later the process may not be allowed to look into its own source tree.
export const catalogue: readonly CatalogueEntry[] = readCatalogue(
  fileURLToPath(new URL("../../../../templates", import.meta.url)),
);
