import { AuthError, type PandaStack, PandaStackError } from "@pandastack/sdk";
import type { Finding } from "@pandastack/setup/upkeep/doctor/finding";
import type { Command } from "commander";
import packageJson from "../../package.json" with { type: "json" };
import { clientFor, type CommonOptions, newCommand } from "../command.ts";
import { ExitCode, UsageError } from "../failure.ts";
import { printJson, printLine } from "../output.ts";
import { loadUpkeep } from "../upkeep.ts";

const TIMEOUT_MS = 5000;
const MARKS = { ok: "ok", note: "note", problem: "PROBLEM", unknown: "?" } as const;

export function doctorCommand(): Command {
  return newCommand({
    name: "doctor",
    summary: "say what this machine and the server can do, and how to mend what is missing",
    example: "pandastack doctor --json",
    more: [
      "Looks at this machine (some of it only as root) and asks the server. Changes nothing. Exits with 1",
      "where something will not work. Which server on this machine is meant is read from",
      "PANDASTACK_DATA_DIR and the like, as `npm start` reads it.",
    ].join(" "),
  })
    .option("--remote", "only ask the server: for machines that are not its own")
    .action(async (options: CommonOptions & { remote?: boolean }) => {
      const local = options.remote === true ? [] : await examineMachine();
      const findings = [...local, ...(await examineServer(clientFor(options)))];
      const isGood = findings.every(({ verdict }) => verdict !== "problem");
      if (options.json) printJson({ ok: isGood, findings });
      else printLine(toText(findings));
      if (!isGood) process.exitCode = ExitCode.failed;
    });
}

async function examineMachine(): Promise<readonly Finding[]> {
  try {
    const { examineHost } = await loadUpkeep(() => import("@pandastack/setup/upkeep/doctor/examine"));
    return await examineHost();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return [finding("machine", "unknown", "not looked at", error.message)];
  }
}

const finding = (id: string, verdict: Finding["verdict"], says: string, fix: string | null = null): Finding => ({
  id,
  verdict,
  says,
  fix,
});

async function examineServer(panda: PandaStack): Promise<readonly Finding[]> {
  const answer = await ask(panda, "/readyz");
  if (answer === undefined)
    return [
      finding(
        "server",
        "problem",
        `${panda.baseUrl} does not answer`,
        "Start it (`npm start`, or systemctl start pandastack); where it is elsewhere, set PANDASTACK_API_URL.",
      ),
    ];
  const { reasons = {} } = answer as { reasons?: Record<string, string> };
  const wrong = Object.entries(reasons).map(([part, reason]) => `${part}: ${reason}`);
  const version = (await ask(panda, "/version")) as { semver?: string } | undefined;
  return [
    wrong.length === 0
      ? finding("server", "ok", `${panda.baseUrl} is ready`)
      : finding(
          "server",
          "problem",
          `${panda.baseUrl}: ${wrong.join("; ")}`,
          'It may still be starting. docs/operations.md, "Alerts".',
        ),
    version?.semver === packageJson.version
      ? finding("versions", "ok", `server and command line ${packageJson.version}`)
      : finding(
          "versions",
          "note",
          `server ${version?.semver ?? "unknown"}, command line ${packageJson.version}`,
          "Use the one that came with the server.",
        ),
    ...(await examineToken(panda)),
  ];
}

/** With a token that is good, also what isolates sandboxes. */
async function examineToken(panda: PandaStack): Promise<readonly Finding[]> {
  try {
    const { workspace, role } = await panda.tokens.me({ timeoutMs: TIMEOUT_MS });
    const hosts = await panda.hosts.list({ timeoutMs: TIMEOUT_MS }).toArray();
    const runtimes = hosts.flatMap((host) => host.runtimes.filter(({ available }) => available));
    const says = runtimes.map(({ name, isolation }) => `${name} (${isolation})`).join(", ");
    const isBoundary = runtimes.some((runtime) => runtime.is_security_boundary);
    return [
      finding("token", "ok", `good: workspace ${workspace}, role ${role}`),
      isBoundary
        ? finding("isolation", "ok", says)
        : finding(
            "isolation",
            "note",
            says || "no runtime",
            "None is a security boundary: do not run code that you do not trust.",
          ),
    ];
  } catch (error) {
    if (!(error instanceof PandaStackError)) throw error;
    const fix =
      "Set PANDASTACK_API_KEY, or log in on the machine that `npm start` ran on: it saved the first token there.";
    return [finding("token", error instanceof AuthError ? "problem" : "unknown", error.message, fix)];
  }
}

async function ask(panda: PandaStack, path: string): Promise<unknown> {
  try {
    const response = await fetch(`${panda.baseUrl}${path}`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    return await response.json();
  } catch {
    // Whatever the reason: it does not answer as a server of ours does.
    return undefined;
  }
}

function toText(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ id }) => id.length));
  return findings
    .flatMap(({ id, verdict, says, fix }) => [
      `${MARKS[verdict].padEnd(7)}  ${id.padEnd(width)}  ${says}`,
      ...(fix === null ? [] : [`${" ".repeat(width + 11)}→ ${fix}`]),
    ])
    .join("\n");
}
