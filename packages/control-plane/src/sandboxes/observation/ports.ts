import type { Port } from "@pandastack/contracts";
import { Refusal } from "@pandastack/platform";
import type { SandboxRow } from "../../persistence/tables.ts";
import type { SandboxParts } from "../parts.ts";

const NAMED_PORT = /^port\.(\d{1,5})$/;
const SSH_PORT = 22;

/** Ports named in the metadata, and those that something listens on. Looking wakes nothing. */
export async function listPorts(parts: SandboxParts, row: SandboxRow): Promise<Port[]> {
  const ports = new Map<number, Port>();
  const proxyUrl = (port: number) => `/v1/sandboxes/${row.id}/proxy/${port}/`;
  for (const [key, label] of Object.entries(row.metadata)) {
    const port = Number(NAMED_PORT.exec(key)?.[1]);
    if (port > 0 && port < 65_536)
      ports.set(port, { port, label, listening: false, source: "user", proxy_url: proxyUrl(port) });
  }
  for (const { port, process } of row.status === "running" ? await detected(parts, row.id) : []) {
    if (port === SSH_PORT) continue;
    const named = ports.get(port);
    ports.set(port, {
      port,
      ...(named?.label === undefined ? {} : { label: named.label }),
      listening: true,
      source: named === undefined ? "detected" : "user",
      ...(process === null ? {} : { process }),
      proxy_url: proxyUrl(port),
    });
  }
  return [...ports.values()].sort((a, b) => a.port - b.port);
}

async function detected(parts: SandboxParts, id: string): Promise<{ port: number; process: string | null }[]> {
  try {
    return await parts.host.guest(id).ports();
  } catch (error) {
    if (error instanceof Refusal) return [];
    throw error;
  }
}
