import { z } from "zod";
import { ProcessInfo } from "../host/index.ts";

export const Process = ProcessInfo.meta({ id: "Process" });
export const ProcessList = z.object({ processes: z.array(Process) }).meta({ id: "ProcessList" });
export const SignalRequest = z
  .object({
    signal: z
      .string()
      .regex(/^(SIG)?[A-Z0-9+-]{2,12}$/, "a signal's name such as SIGTERM")
      .nullish()
      .describe("Default SIGTERM. Goes to the process group."),
  })
  .meta({ id: "SignalRequest" });
