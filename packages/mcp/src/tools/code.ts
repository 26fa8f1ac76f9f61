import { TimeoutError } from "@pandastack/sdk";
import { z } from "zod";
import { COMMAND_TIMEOUT_DEFAULT_SECONDS, COMMAND_TIMEOUT_LIMIT_SECONDS } from "../limits.ts";
import { boundText } from "../text.ts";
import { sandboxTool, type ToolResult } from "../tool.ts";
import { describeRun } from "./commands.ts";

/** Pictures of one answer; each is a good part of a model's context. */
const IMAGES_LIMIT = 4;

export const codeTool = sandboxTool({
  name: "run_code",
  title: "Run code",
  description:
    "Run code in an interpreter that keeps its variables from call to call. The value of the last expression comes back, and pictures that it draws. For templates with an interpreter; elsewhere use run_command.",
  input: z.object({
    code: z.string().min(1),
    language: z.string().default("python").describe("python, javascript, typescript, bash; a template may have more."),
    timeout_seconds: z
      .number()
      .positive()
      .max(COMMAND_TIMEOUT_LIMIT_SECONDS)
      .default(COMMAND_TIMEOUT_DEFAULT_SECONDS)
      .describe("It is interrupted then; variables stay."),
  }),
  effect: "changes",
  run: async ({ code, language, timeout_seconds: seconds }, sandbox, signal): Promise<ToolResult> => {
    try {
      const { results, error, stdout, stderr } = await sandbox.code.run(code, {
        language,
        timeoutMs: seconds * 1000,
        signal,
      });
      const shown = results.map(({ text, markdown }) => text ?? markdown).filter((text) => text !== undefined);
      const parts = [describeRun(error === undefined ? "ended well" : "failed", { stdout, stderr })];
      if (shown.length > 0) parts.push(`[results]\n${boundText(shown.join("\n"))}`);
      if (error !== undefined) parts.push(boundText(error.traceback || `${error.name}: ${error.value}`));
      const images = results.flatMap(({ png, jpeg }) => [
        ...(png === undefined ? [] : [{ mediaType: "image/png", base64: png }]),
        ...(jpeg === undefined ? [] : [{ mediaType: "image/jpeg", base64: jpeg }]),
      ]);
      return { text: parts.join("\n"), isError: error !== undefined, images: images.slice(0, IMAGES_LIMIT) };
    } catch (error) {
      if (!(error instanceof TimeoutError) || error.code !== "exec.timeout") throw error;
      return { text: `interrupted: it ran longer than ${seconds} s`, isError: true };
    }
  },
});
