import { vi } from "vitest";
import { runProgram } from "../../src/run-program.ts";

export interface Printed {
  stdout: string;
  stderr: string;
  exitCode: number;
}

/** Runs a command line in this process. */
export async function printed(...words: string[]): Promise<Printed> {
  const said = { stdout: "", stderr: "" };
  const spies = (["stdout", "stderr"] as const).map((name) =>
    vi.spyOn(process[name], "write").mockImplementation((chunk) => {
      said[name] += typeof chunk === "string" ? chunk : Buffer.from(chunk).toString("utf8");
      return true;
    }),
  );
  try {
    await runProgram(words);
    return { ...said, exitCode: Number(process.exitCode ?? 0) };
  } finally {
    for (const spy of spies) spy.mockRestore();
    process.exitCode = undefined;
  }
}
