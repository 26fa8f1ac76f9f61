/** What the SDK wants of a logger. */
type Line = (message: string, ...rest: unknown[]) => void;
export type Log = Record<"error" | "warn" | "info" | "debug", Line>;

/** One line a message on standard error: for people, or JSON. */
export function createLog(format: "text" | "json", write: (line: string) => void = toStandardError): Log {
  const line =
    (level: string): Line =>
    (message, ...rest) => {
      const time = new Date().toISOString();
      const fields = Object.assign({}, ...rest.map(fieldsOf)) as Record<string, unknown>;
      if (format === "json") return write(JSON.stringify({ ...fields, time, level, msg: message }));
      const tail = Object.entries(fields).map(([key, value]) => ` ${key}=${JSON.stringify(value)}`);
      write(`${time} ${level} ${message.replaceAll(/[\r\n]+/g, " ")}${tail.join("")}`);
    };
  return { error: line("error"), warn: line("warn"), info: line("info"), debug: line("debug") };
}

const fieldsOf = (value: unknown): object =>
  typeof value === "object" && value !== null && !(value instanceof Error) ? value : { detail: String(value) };

const toStandardError = (line: string): void => void process.stderr.write(`${line}\n`);
