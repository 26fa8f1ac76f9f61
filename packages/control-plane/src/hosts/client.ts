import type { Socket } from "node:net";
import { z } from "zod";
import { Refusal } from "@pandastack/platform";
import {
  HostEvent,
  HostImage,
  HostRoot,
  RootKey,
  PreparedTemplate,
  HostInfo,
  HostNetworkFigures,
  HostSandbox,
  HostSnapshot,
  HostUse,
  HostVolume,
  hostResultSchemas,
  type ExportRootRequest,
  type HostCommand,
  type HostResults,
  type ImportRootRequest,
  type PrepareTemplateRequest,
  type ResolveImageRequest,
} from "@pandastack/contracts/host";
import { underSpan } from "../calls/under-span.ts";
import { HostConnection } from "./connection.ts";
import { guestOf, type GuestClient } from "./guest.ts";
import { openTunnel } from "./tunnel.ts";

/** A host that does not say how it is for this long is as good as away. */
const INFO_TIMEOUT_MS = 5000;

/** One host agent, as the control plane drives it. */
export class HostClient {
  readonly connection: HostConnection;
  readonly #socketPath: string;
  #identity: { hostId: string; epoch: string } | undefined;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
    this.connection = new HostConnection(socketPath);
  }

  async info(): Promise<HostInfo> {
    const info = await this.connection.json(HostInfo, { path: "/host", signal: AbortSignal.timeout(INFO_TIMEOUT_MS) });
    this.#identity = { hostId: info.id, epoch: info.epoch };
    return info;
  }

  /**
   * Repeatable: a command that was lost on the way is sent again under the same operation id, and the host answers with
   * what it did the first time.
   */
  execute<C extends HostCommand>(operationId: string, command: C): Promise<HostResults[C["name"]]> {
    return underSpan(`host ${command.name}`, () => this.#execute(operationId, command));
  }

  async #execute<C extends HostCommand>(operationId: string, command: C): Promise<HostResults[C["name"]]> {
    try {
      return await this.#send(operationId, command);
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== "host.wrong_epoch") throw error;
      // The host's journal has begun anew since it was last asked. Once more, in its new life.
      await this.info();
      return this.#send(operationId, command);
    }
  }

  async #send<C extends HostCommand>(operationId: string, command: C): Promise<HostResults[C["name"]]> {
    const reply = await this.connection.json(z.object({ result: hostResultSchemas[command.name] }), {
      method: "POST",
      path: "/operations",
      json: { operationId, ...this.#identity, command },
      repeatable: true,
    });
    return reply.result as HostResults[C["name"]];
  }

  sandbox(id: string): Promise<HostSandbox> {
    return this.connection.json(HostSandbox, { path: `/sandboxes/${id}` });
  }

  async sandboxes(): Promise<HostSandbox[]> {
    return (await this.connection.json(z.object({ sandboxes: z.array(HostSandbox) }), { path: "/sandboxes" }))
      .sandboxes;
  }

  /** What its slot has sent, received and refused; zeros while it has none. */
  network(id: string): Promise<HostNetworkFigures> {
    return this.connection.json(HostNetworkFigures, { path: `/sandboxes/${id}/network` });
  }

  /** Whether somebody is in it, and since when its network is silent. */
  use(id: string): Promise<HostUse> {
    return this.connection.json(HostUse, { path: `/sandboxes/${id}/use` });
  }

  async snapshots(): Promise<HostSnapshot[]> {
    return (await this.connection.json(z.object({ snapshots: z.array(HostSnapshot) }), { path: "/snapshots" }))
      .snapshots;
  }

  /** Begins to take a sandbox's root file system out of it, or says how far that is. */
  exportRoot(request: ExportRootRequest): Promise<HostRoot> {
    return this.connection.json(HostRoot, { method: "POST", path: "/roots", json: request, repeatable: true });
  }

  /** Passes an image on as it comes: a root file system's archive, or a layout. */
  uploadImage(kind: "rootfs" | "image", bytes: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<HostImage> {
    return this.connection.json(HostImage, { method: "POST", path: `/images?kind=${kind}`, bytes, signal });
  }

  /** Asks a registry, through the host. */
  resolveImage(request: ResolveImageRequest): Promise<HostImage> {
    return this.connection.json(HostImage, { method: "POST", path: "/images/resolve", json: request });
  }

  async releaseImage(id: string): Promise<void> {
    await this.connection.json(z.object({}), {
      method: "POST",
      path: `/images/${id}/release`,
      json: {},
      repeatable: true,
    });
  }

  /** Begins to make a root file system out of an image, or says how far that is. */
  importRoot(request: ImportRootRequest): Promise<HostRoot> {
    return this.connection.json(HostRoot, { method: "POST", path: "/roots/import", json: request, repeatable: true });
  }

  root(key: string): Promise<HostRoot> {
    return this.connection.json(HostRoot, { path: `/roots/${key}` });
  }

  /** Keys of the root file systems that the host keeps for this server. */
  async roots(): Promise<string[]> {
    return (await this.connection.json(z.object({ roots: z.array(RootKey) }), { path: "/roots" })).roots;
  }

  async releaseRoot(key: string): Promise<void> {
    await this.connection.json(z.object({}), {
      method: "POST",
      path: `/roots/${key}/release`,
      json: {},
      repeatable: true,
    });
  }

  /** Makes a template's variant, waits for some seconds, and says how far it is. */
  prepareTemplate(request: PrepareTemplateRequest): Promise<PreparedTemplate> {
    return this.connection.json(PreparedTemplate, {
      method: "POST",
      path: "/templates",
      json: request,
      repeatable: true,
    });
  }

  async volumes(): Promise<HostVolume[]> {
    return (await this.connection.json(z.object({ volumes: z.array(HostVolume) }), { path: "/volumes" })).volumes;
  }

  /** Events after a number, and those to come, until `signal` fires or the host goes away. */
  async *events(after: number, signal: AbortSignal): AsyncGenerator<HostEvent> {
    for await (const line of this.connection.lines({
      path: `/events?after=${after}&follow=1`,
      signal,
      mayBeSilent: true,
    }))
      yield HostEvent.parse(line);
  }

  /** The inside of a running sandbox. */
  guest(sandboxId: string): GuestClient {
    return guestOf(this.connection, sandboxId);
  }

  /** A TCP connection to a port inside a running sandbox. */
  openTunnel(sandboxId: string, port: number): Promise<Socket> {
    return openTunnel(this.#socketPath, sandboxId, port);
  }

  close(): Promise<void> {
    return this.connection.close();
  }
}
