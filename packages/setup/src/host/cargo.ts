import { accessSync, constants } from "node:fs";
import { basename, delimiter, dirname, join } from "node:path";
import { runTool } from "../tools/run-tool.ts";

/** `rust-version` of the guest agent. */
const OLDEST_RUST = [1, 85] as const;

/** Where distributions put a newer Rust than their default one: Ubuntu's `cargo-1.89` and such. */
const VERSIONED = /^cargo-1\.(\d+)$/;

export interface Cargo {
  readonly path: string;
  /** What it needs in its environment. */
  readonly env: Readonly<Record<string, string>>;
}

/** A cargo that can build the guest agent: the user's own if it is new enough, else the distribution's. */
export async function findCargo(): Promise<Cargo> {
  for (const path of candidates()) {
    if (!(await isNewEnough(path))) continue;
    // A versioned cargo calls plain `rustc`, which is the distribution's old one or none.
    const version = VERSIONED.exec(basename(path))?.[1];
    return { path, env: version === undefined ? {} : { RUSTC: join(dirname(path), `rustc-1.${version}`) } };
  }
  throw new Error(`no cargo >= ${OLDEST_RUST.join(".")} found in PATH`);
}

export async function hasCargo(): Promise<boolean> {
  return findCargo().then(
    () => true,
    () => false,
  );
}

function candidates(): string[] {
  const folders = [
    ...(process.env["PATH"] ?? "").split(delimiter),
    "/usr/bin",
    join(process.env["HOME"] ?? "/root", ".cargo/bin"),
  ];
  const versioned = Array.from({ length: 40 }, (_, i) => `cargo-1.${OLDEST_RUST[1] + i}`);
  const found: string[] = [];
  for (const name of ["cargo", ...versioned]) {
    for (const folder of folders) {
      const path = join(folder, name);
      if (folder !== "" && isExecutable(path) && !found.includes(path)) found.push(path);
    }
  }
  return found;
}

async function isNewEnough(cargo: string): Promise<boolean> {
  // Asked in `/`: a rust-toolchain file of the current folder must not decide. rustup's proxy without a toolchain fails here.
  const said = await runTool(cargo, ["--version"], { life: "plain", cwd: "/" }).catch(() => "");
  const [, major, minor] = /^cargo (\d+)\.(\d+)/.exec(said) ?? [];
  return Number(major) > OLDEST_RUST[0] || (Number(major) === OLDEST_RUST[0] && Number(minor) >= OLDEST_RUST[1]);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
