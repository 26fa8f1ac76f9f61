import type { Instruction, ModifiableInstruction, PropertyInstruction, Run } from "dockerfile-ast";
import type { TemplateStep } from "@pandastack/contracts";
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

export function flagsOf(instruction: Instruction): Map<string, string> {
  const flags = (instruction as ModifiableInstruction).getFlags?.() ?? [];
  return new Map(
    flags.map((flag) => {
      const [name = "", ...value] = flag.getName().split("=");
      return [name.replace(/^-+/, ""), value.length > 0 ? value.join("=") : (flag.getValue() ?? "")];
    }),
  );
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
  for (const [name, value] of flagsOf(instruction)) {
    // A cache is no part of the result.
    if (name === "mount" && /(^|,)type=(cache|tmpfs)(,|$)/.test(value)) continue;
    throw bad(`RUN --${name}=${value} is not supported`);
  }
  const content = contentOf(instruction);
  const heredocs = hasHeredoc(content) ? (instruction as Run).getHeredocs() : [];
  if (heredocs.length === 0) return { run: commandOf(content).text };
  const [head = "", ...lines] = content.split("\n");
  // A shell reads `command <<EOF` as it stands; alone, what is between is the script.
  if (!/^<<-?\s*(["']?)[A-Za-z_]\w*\1\s*$/.test(head)) return { run: content };
  return { run: lines.slice(0, -1).join("\n") };
}

/** `sourceOf`: what another stage that files come from is called in the recipe. */
export function copyStep(instruction: Instruction, sourceOf: (asked: string) => string): TemplateStep {
  const keyword = instruction.getKeyword();
  const flags = flagsOf(instruction);
  const known = ["chown", "chmod", "link", ...(keyword === "COPY" ? ["from"] : [])];
  for (const name of flags.keys()) if (!known.includes(name)) throw bad(`${keyword} --${name} is not supported`);
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
