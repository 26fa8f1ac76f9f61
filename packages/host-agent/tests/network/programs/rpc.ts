import { createInterface } from "node:readline";

/** Methods of a program that a test drives over stdin and stdout, one JSON object a line. */
export type Methods = Readonly<Record<string, (...args: never[]) => unknown>>;

export interface Call {
  readonly id: number;
  readonly method: string;
  readonly args: readonly unknown[];
}

export type Answer = { readonly id: number } & ({ readonly result: unknown } | { readonly error: string });

/** Serves calls until stdin ends, so that no program outlives its test. */
export function serveMethods(methods: Methods): void {
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => void serve(JSON.parse(line) as Call));
  lines.on("close", () => process.exit(0));

  async function serve({ id, method, args }: Call): Promise<void> {
    try {
      send({ id, result: (await methods[method]!(...(args as never[]))) ?? null });
    } catch (error) {
      send({
        id,
        error:
          error instanceof Error
            ? `${error.message} ${(error as { operatorMessage?: string }).operatorMessage ?? ""}`
            : String(error),
      });
    }
  }
}

const send = (answer: Answer): boolean => process.stdout.write(`${JSON.stringify(answer)}\n`);
