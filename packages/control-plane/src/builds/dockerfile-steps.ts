import type { Instruction, ModifiableInstruction, PropertyInstruction, Run } from "dockerfile-ast";
import { SecretMount, type TemplateStep } from "@pandastack/contracts";
import { Refusal } from "@pandastack/platform";

const bad = (why: string): Refusal => new Refusal("template.bad_dockerfile", why);

/** What follows the keyword and its flags, continued lines as one and without the comments between them. */
export function contentOf(instruction: Instruction): string {
  const raw = instruction.getRawArgumentsContent() ?? "";
  if (hasHeredoc(raw)) return raw;
  const lines = raw.split("\n").filter((line, index) => index === 0 || !/^\s*(#|$)/.test(line));
  return lines
    .map((line) => line.replace(/\\\s*$/, ""))
    .join("")
    .trim();
}

const HEREDOC = /<<-?\s*(["']?)([A-Za-z_]\w*)\1/;
const hasHeredoc = (raw: string): boolean => raw.includes("\n") && HEREDOC.test(raw.split("\n")[0]!);

export const flagsOf = (instruction: Instruction): Map<string, string> => new Map(flagListOf(instruction));

/** One may be there several times. */
function flagListOf(instruction: Instruction): [string, string][] {
  const flags = (instruction as ModifiableInstruction).getFlags?.() ?? [];
  return flags.map((flag) => {
    const [name = "", ...value] = flag.getName().split("=");
    return [name.replace(/^-+/, ""), value.length > 0 ? value.join("=") : (flag.getValue() ?? "")];
  });
}

/** `["a", "b"]` is run as it is; anything else is a line of shell. */
export function commandOf(content: string): { words: string[] | null; text: string } {
  if (content.startsWith("[")) {
    try {
      const words: unknown = JSON.parse(content);
      if (Array.isArray(words) && words.length > 0 && words.every((word) => typeof word === "string"))
        return { words, text: `exec ${words.map(quoted).join(" ")}` };
    } catch {
      // Docker, too, takes what is no JSON for shell.
    }
  }
  if (content === "") throw bad("a command is needed");
  return { words: null, text: content };
}

const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;

export function runStep(instruction: Instruction): TemplateStep {
  const secrets = secretsOf(instruction);
  return { run: scriptOf(instruction), ...(secrets.length === 0 ? {} : { secrets }) };
}

function scriptOf(instruction: Instruction): string {
  const content = contentOf(instruction);
  const heredocs = hasHeredoc(content) ? (instruction as Run).getHeredocs() : [];
  if (heredocs.length === 0) return commandOf(content).text;
  const [head = "", ...lines] = content.split("\n");
  // A shell reads `command <<EOF` as it stands; alone, what is between is the script.
  if (!/^<<-?\s*(["']?)[A-Za-z_]\w*\1\s*$/.test(head)) return content;
  return lines.slice(0, -1).join("\n");
}

/** Of its flags: mounts of secrets; caches and memory are no part of the result. */
function secretsOf(instruction: Instruction): SecretMount[] {
  return flagListOf(instruction).flatMap(([name, value]) => {
    const options = new Map(value.split(",").map((pair) => [pair.split("=")[0]!, pair.split("=").slice(1).join("=")]));
    const type = options.get("type");
    if (name !== "mount" || !["cache", "tmpfs", "secret"].includes(type ?? ""))
      throw bad(`RUN --${name}=${value} is not supported`);
    return type === "secret" ? [secretOf(options, value)] : [];
  });
}

const SECRET_OPTIONS = new Set([
  "type",
  "id",
  "src",
  "source",
  "target",
  "dst",
  "destination",
  "env",
  "required",
  "mode",
  "uid",
  "gid",
]);

function secretOf(options: ReadonlyMap<string, string>, text: string): SecretMount {
  const unknown = [...options.keys()].find((name) => !SECRET_OPTIONS.has(name));
  if (unknown !== undefined) throw bad(`RUN --mount=${text}: there is no option ${unknown}`);
  const first = (...names: string[]) => names.map((name) => options.get(name)).find((value) => value !== undefined);
  const target = first("target", "dst", "destination");
  const required = options.get("required");
  const parsed = SecretMount.safeParse({
    id: first("id", "src", "source") ?? target?.split("/").at(-1),
    target,
    env: options.get("env"),
    // Docker's: what is not said to be needed is left out where it is not there.
    required: required !== undefined && /^(|1|true)$/i.test(required),
    mode: options.get("mode"),
  });
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  throw bad(`RUN --mount=${text}: ${path.join(".")}: ${message}`);
}

/** `sourceOf`: what another stage that files come from is called in the recipe. */
export function copyStep(instruction: Instruction, sourceOf: (asked: string) => string): TemplateStep {
  const keyword = instruction.getKeyword();
  const flags = flagsOf(instruction);
  const known = new Set(["chown", "chmod", "link", ...(keyword === "COPY" ? ["from"] : [])]);
  for (const name of flags.keys()) if (!known.has(name)) throw bad(`${keyword} --${name} is not supported`);
  const content = contentOf(instruction);
  if (hasHeredoc(content)) throw bad(`${keyword} of a heredoc is not supported: write the file with RUN`);
  const words = commandOf(content).words ?? content.split(/\s+/);
  const to = words.pop();
  if (to === undefined || words.length === 0) throw bad(`${keyword} needs a source and a destination`);
  const remote = words.find((word) => /^(https?|git|ssh):\/\/|^git@/.test(word));
  if (remote !== undefined) throw bad(`${keyword} of ${remote}: fetch it with RUN curl`);
  const [owner, mode, from] = [flags.get("chown"), flags.get("chmod"), flags.get("from")];
  if (from === "") throw bad("--from needs the name of a stage or a template");
  return {
    copy: {
      from: words,
      to,
      ...(from === undefined ? {} : { source: sourceOf(from) }),
      ...(keyword === "ADD" ? { unpack: true } : {}),
      ...(owner === undefined ? {} : { owner }),
      ...(mode === undefined ? {} : { mode }),
    },
  };
}

/** `A=1 B="two words"`, or the old `A one value`. */
export function pairsOf(instruction: Instruction): Record<string, string> {
  const properties = (instruction as PropertyInstruction).getProperties();
  if (properties.length === 0) throw bad(`${instruction.getKeyword()} needs a name`);
  return Object.fromEntries(properties.map((property) => [property.getName(), property.getValue() ?? ""]));
}
