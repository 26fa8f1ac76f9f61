import type { Port } from "@pandastack/contracts";
import { Refusal } from "@pandastack/platform";
import type { SandboxRow } from "../persistence/tables.ts";
import type { SandboxParts } from "../sandboxes/parts.ts";
import { isPublicPort, portLabels } from "./port-labels.ts";

const SSH_PORT = 22;
/** The platform's own: nobody but the control plane may use it, so nobody is shown it. */
const CODE_INTERPRETER = "pandastack-code";

/** Ports with a label, and those that something listens on, by number. Looking wakes nothing. */
export async function listPorts(
  parts: SandboxParts,
  row: SandboxRow,
  previewUrl: (port: number) => string,
): Promise<Port[]> {
  const labels = portLabels(row.metadata);
  const listening = new Map(row.status === "running" ? await detect(parts, row.id) : []);
  listening.delete(SSH_PORT);
  const numbers = [...new Set([...labels.keys(), ...listening.keys()])].sort((a, b) => a - b);
  return numbers.map((port) => {
    const label = labels.get(port);
    const process = listening.get(port);
    return {
      port,
      ...(label === undefined ? {} : { label }),
      listening: listening.has(port),
      source: label === undefined ? "detected" : "user",
      public: isPublicPort(row.metadata, port),
      ...(process === undefined || process === null ? {} : { process }),
      proxy_url: `/v1/sandboxes/${row.id}/proxy/${port}/`,
      preview_url: previewUrl(port),
    };
  });
}

async function detect(parts: SandboxParts, id: string): Promise<[number, string | null][]> {
  try {
    return (await parts.host.guest(id).ports())
      .filter(({ process }) => process !== CODE_INTERPRETER)
      .map(({ port, process }) => [port, process]);
  } catch (error) {
    if (error instanceof Refusal) return [];
    throw error;
  }
}
