import { accountOperations } from "./accounts.ts";
import { branchingOperations } from "./branching.ts";
import { codeOperations } from "./code.ts";
import { execOperations } from "./exec.ts";
import { fileOperations } from "./files.ts";
import { gatewayOperations } from "./gateway.ts";
import { observationOperations } from "./observation.ts";
import { mcpOperations } from "./mcp.ts";
import type { Operation } from "./operation.ts";
import { processOperations } from "./processes.ts";
import { sandboxOperations } from "./sandboxes.ts";
import { snapshotOperations } from "./snapshots.ts";
import { systemOperations } from "./system.ts";
import { templateOperations } from "./templates.ts";
import { volumeOperations } from "./volumes.ts";

export type { Operation, Reply } from "./operation.ts";

/** Every operation of the public API, by the name that it has in every layer. */
export const operations = {
  ...systemOperations,
  ...accountOperations,
  ...sandboxOperations,
  ...branchingOperations,
  ...snapshotOperations,
  ...execOperations,
  ...processOperations,
  ...codeOperations,
  ...fileOperations,
  ...observationOperations,
  ...gatewayOperations,
  ...templateOperations,
  ...volumeOperations,
  ...mcpOperations,
} as const satisfies Record<string, Operation>;

export type Operations = typeof operations;
export type OperationName = keyof Operations;
export const operationNames = Object.keys(operations) as OperationName[];
