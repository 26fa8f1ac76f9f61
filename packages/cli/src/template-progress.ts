import type { TemplateBuildInfo } from "@pandastack/sdk";

/** Minutes of silence look like a hang: what is built for a template's first use is said on stderr, step by step. */
export function tellTemplateBuild(build: TemplateBuildInfo): void {
  const where =
    build.status === "building" ? `step ${build.step ?? 0} of ${build.steps}` : `${build.status} (${build.id})`;
  process.stderr.write(`template ${build.name}, built for its first use here: ${where}\n`);
}
