import type { Case } from "../case.ts";
import { bigFileCases } from "./big-files.ts";
import { execCases } from "./exec.ts";
import { fileCases } from "./files.ts";
import { forkCases } from "./fork.ts";
import { hibernateCases } from "./hibernate.ts";
import { identityCases } from "./identity.ts";
import { lastingCases } from "./lasting.ts";
import { lifecycleCases } from "./lifecycle.ts";
import { machineCases } from "./machine.ts";
import { processCases } from "./processes.ts";
import { ptyCases } from "./pty.ts";
import { snapshotCases } from "./snapshot.ts";
import { tcpCases } from "./tcp.ts";
import { volumeCases } from "./volumes.ts";
import { watchCases } from "./watch.ts";

/** Every case, in the order in which it runs on each origin. */
export const allCases: readonly Case[] = [
  ...execCases,
  ...processCases,
  ...ptyCases,
  ...fileCases,
  ...bigFileCases,
  ...watchCases,
  ...tcpCases,
  ...machineCases,
  ...identityCases,
  ...lifecycleCases,
  ...snapshotCases,
  ...forkCases,
  ...hibernateCases,
  ...volumeCases,
  ...lastingCases,
];
