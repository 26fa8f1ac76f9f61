import { DockerfileParser, type From, type Healthcheck, type Instruction } from "dockerfile-ast";
import type { TemplateStage, TemplateStep } from "@pandastack/contracts";
import { Refusal } from "@pandastack/platform";
import { commandOf, contentOf, copyStep, flagsOf, pairsOf, runStep } from "./dockerfile-steps.ts";
import { expand } from "./expand.ts";

/** What a Dockerfile says, as a recipe does. */
export interface DockerfileRecipe {
  readonly from: string;
  /** That files are copied from, and that those need. */
  readonly stages?: readonly TemplateStage[];
  readonly steps: readonly TemplateStep[];
  readonly start?: string;
  /** Where there is no ENTRYPOINT. */
  readonly cmd?: readonly string[];
  readonly ready?: string;
}

interface Stage {
  /** Its number, where it has none. */
  readonly name: string;
  readonly from: string;
  readonly steps: TemplateStep[];
  entrypoint: { words: string[] | null; text: string } | undefined;
  command: { words: string[] | null; text: string } | undefined;
  ready: string | undefined;
}

/** Says nothing to a sandbox. */
const PASSED_OVER = new Set(["EXPOSE", "LABEL", "MAINTAINER", "STOPSIGNAL", "VOLUME"]);

/** `given`: values for the Dockerfile's ARGs. */
export function parseDockerfile(text: string, given: Readonly<Record<string, string>> = {}): DockerfileRecipe {
  const stages: Stage[] = [];
  const first: Record<string, string> = {};
  for (const instruction of DockerfileParser.parse(text.replaceAll("\r\n", "\n")).getInstructions()) {
    const line = instruction.getRange().start.line + 1;
    try {
      if (instruction.getKeyword() === "FROM") stages.push(beginStage(instruction as From, stages, first));
      else if (stages.length > 0) addTo(stages.at(-1)!, instruction, given, stages.slice(0, -1));
      else if (instruction.getKeyword() === "ARG") Object.assign(first, argsOf(instruction, given));
      else throw bad("the first instruction is FROM");
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      throw new Refusal("template.bad_dockerfile", `Dockerfile, line ${line}: ${error.message}`, { details: { line } });
    }
  }
  const last = stages.at(-1);
  if (last === undefined) throw new Refusal("template.bad_dockerfile", "Dockerfile: there is no FROM in it");
  const start = startOf(last);
  const needed = neededFor(last, stages);
  return {
    from: last.from,
    ...(needed.length === 0 ? {} : { stages: needed.map(({ name, from, steps }) => ({ name, from, steps })) }),
    steps: last.steps,
    ...(start === undefined ? {} : { start }),
    ...(last.entrypoint === undefined && last.command?.words != null ? { cmd: last.command.words } : {}),
    ...(last.ready === undefined ? {} : { ready: last.ready }),
  };
}

/** In the file's order: each stands after those that it takes from. */
function neededFor(last: Stage, stages: readonly Stage[]): Stage[] {
  const needed = new Set<Stage>();
  const visit = (stage: Stage): void => {
    for (const step of stage.steps) {
      const source = "copy" in step ? stages.find(({ name }) => name === step.copy.source) : undefined;
      if (source === undefined || needed.has(source)) continue;
      needed.add(source);
      visit(source);
    }
  };
  visit(last);
  return stages.filter((stage) => needed.has(stage));
}

/** A stage by its name or number; anything else is a template. */
function sourceOf(asked: string, before: readonly Stage[]): string {
  const named = before.find(({ name }) => name === asked.toLowerCase());
  return (named ?? (/^\d+$/.test(asked) ? before[Number(asked)] : undefined))?.name ?? asked;
}

/** A stage that begins with another goes on where that ended. */
function beginStage(instruction: From, stages: readonly Stage[], args: Record<string, string>): Stage {
  const image = expand(instruction.getImage() ?? "", args);
  if (image === "") throw bad("FROM needs the name of a template");
  const before = stages.find((stage) => stage.name === image.toLowerCase());
  const name = instruction.getBuildStage()?.toLowerCase() ?? String(stages.length);
  if (stages.some((stage) => stage.name === name)) throw bad(`another stage is called ${name}`);
  return {
    name,
    from: before?.from ?? image,
    steps: [...(before?.steps ?? [])],
    entrypoint: before?.entrypoint,
    command: before?.command,
    ready: before?.ready,
  };
}

function addTo(
  stage: Stage,
  instruction: Instruction,
  given: Readonly<Record<string, string>>,
  before: readonly Stage[],
): void {
  const keyword = instruction.getKeyword();
  const content = contentOf(instruction);
  if (PASSED_OVER.has(keyword)) return;
  switch (keyword) {
    case "RUN":
      stage.steps.push(runStep(instruction));
      return;
    case "COPY":
    case "ADD":
      stage.steps.push(copyStep(instruction, (asked) => sourceOf(asked, before)));
      return;
    case "ENV":
      stage.steps.push({ env: pairsOf(instruction) });
      return;
    case "ARG":
      stage.steps.push({ arg: argsOf(instruction, given) });
      return;
    case "WORKDIR":
      stage.steps.push({ workdir: content });
      return;
    case "USER":
      stage.steps.push({ user: content.split(":")[0]! });
      return;
    case "CMD":
      stage.command = commandOf(content);
      return;
    case "ENTRYPOINT":
      stage.entrypoint = commandOf(content);
      stage.command = undefined;
      return;
    case "HEALTHCHECK":
      stage.ready = readyOf(instruction as Healthcheck);
      return;
    default:
      throw bad(`${keyword} is not known here`);
  }
}

function argsOf(instruction: Instruction, given: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(pairsOf(instruction)).map(([name, otherwise]) => [name, given[name] ?? otherwise]),
  );
}

/** The words of an entry point take the command's as their arguments; a line of shell takes none. */
function startOf({ entrypoint, command }: Stage): string | undefined {
  if (entrypoint === undefined) return command?.text;
  if (entrypoint.words === null || command?.words == null) return entrypoint.text;
  return commandOf(JSON.stringify([...entrypoint.words, ...command.words])).text;
}

function readyOf(instruction: Healthcheck): string | undefined {
  const content = contentOf(instruction);
  if (/^none$/i.test(content)) return undefined;
  const command = /^cmd\s+(.*)$/is.exec(content)?.[1];
  if (command === undefined) throw bad("HEALTHCHECK is followed by NONE, or CMD and a command");
  flagsOf(instruction);
  return commandOf(command).text;
}

const bad = (why: string): Refusal => new Refusal("template.bad_dockerfile", why);
