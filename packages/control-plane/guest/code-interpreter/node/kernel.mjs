// The JavaScript kernel. Requests come as lines of JSON on the descriptor that the last argument names, and what they lead to goes
// there.
import * as modules from "node:module";
import { Socket } from "node:net";
import { pathToFileURL } from "node:url";
import { inspect } from "node:util";
import { evaluate } from "./evaluate.mjs";
import { IMPORT, withoutImports } from "./imports.mjs";
import { represent, toFields } from "./representation.mjs";

const control = new Socket({ fd: Number(process.argv.pop()), readable: true, writable: true });
const say = (message) => control.write(`${JSON.stringify(message)}\n`);

// Modules are found from the working folder, as in a script that lies there.
const here = `${process.cwd()}/cell.js`;
globalThis.require = modules.createRequire(here);
Object.defineProperty(globalThis, IMPORT, { value: (specifier, options) => import(found(String(specifier)), options) });
globalThis.display = (value, mediaType) =>
  say({
    type: "result",
    ...toFields(mediaType === undefined ? represent(value) : { [mediaType]: value }),
    is_main_result: false,
  });

function found(specifier) {
  if (/^[a-z][a-z+.-]+:/.test(specifier)) return specifier;
  return /^\.{0,2}\//.test(specifier)
    ? new URL(specifier, pathToFileURL(here)).href
    : import.meta.resolve(specifier, pathToFileURL(here));
}

// What a cell has left running may fail later: it is printed, and the kernel goes on.
const failLater = (error) => process.stderr.write(`Uncaught ${inspect(error)}\n`);
process.on("unhandledRejection", failLater);
process.on("uncaughtException", failLater);

async function run({ code, count, env, language }) {
  const before = Object.keys(env).map((name) => [name, process.env[name]]);
  Object.assign(process.env, env);
  const outcome = await attempt(code, count, language);
  for (const [name, value] of before) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
  if ("error" in outcome) say({ type: "error", ...describe(outcome.error) });
  else if (outcome.value !== undefined && !code.trimEnd().endsWith(";"))
    say({ type: "result", ...toFields(represent(outcome.value)), is_main_result: true });
  say({ type: "done", exit_code: "error" in outcome ? 1 : 0 });
}

async function attempt(code, count, language) {
  try {
    const script = withoutImports(language === "typescript" ? withoutTypes(code) : code);
    return await evaluate(script, `cell-${count}.js`, () => say({ type: "begun" }));
  } catch (error) {
    return { error };
  }
}

function withoutTypes(code) {
  if (modules.stripTypeScriptTypes === undefined)
    throw new Error(`TypeScript needs Node 24 or newer; this is ${process.version}`);
  return modules.stripTypeScriptTypes(code, { mode: "transform" });
}

function describe(error) {
  if (typeof error?.stack !== "string")
    return { name: "Error", value: inspect(error), traceback: `Uncaught ${inspect(error)}` };
  return { name: String(error.name), value: String(error.message), traceback: ownFrames(error.stack) };
}

/** Down to where the cell was called. */
function ownFrames(stack) {
  const lines = stack.split("\n");
  const end = lines.findIndex((line) => /^\s+at .*(?:node:inspector|evaluate\.mjs|kernel\.mjs)/.test(line));
  return (end <= 0 ? lines : lines.slice(0, end)).join("\n");
}

let pending = "";
let queue = Promise.resolve();
control.setEncoding("utf8");
control.on("data", (chunk) => {
  const lines = (pending + chunk).split("\n");
  pending = lines.pop();
  for (const line of lines) {
    const request = JSON.parse(line);
    queue = queue.then(() => (request.op === "env" ? changeEnv(request) : run(request)));
  }
});
control.on("close", () => process.exit(0));
control.on("error", () => process.exit(0));
say({ type: "ready" });

function changeEnv({ set, unset }) {
  Object.assign(process.env, set);
  for (const name of unset) delete process.env[name];
}
