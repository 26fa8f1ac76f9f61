import { expect } from "vitest";
import { waitFor } from "@pandastack/platform";
import { createTestDatabase } from "./database.ts";
import { FakeHostAgent } from "./fake-host.ts";
import { ADMIN_TOKEN, type Json, startControlPlane } from "./server.ts";

export interface GivenBuild {
  name: string;
  dockerfile?: string;
  recipe?: unknown;
  files?: Record<string, string>;
  replace?: boolean;
  /** Other fields. */
  more?: Record<string, string | File>;
}

/** Real host agent, fake runtime: its shell and files are made up, what becomes of them is not. */
export class BuildWorld {
  readonly #agent = new FakeHostAgent();
  #database: Awaited<ReturnType<typeof createTestDatabase>> | undefined;
  server!: Awaited<ReturnType<typeof startControlPlane>>;

  async open(): Promise<void> {
    await this.#agent.start();
    this.#database = await createTestDatabase();
    await this.start();
  }

  async start(): Promise<void> {
    this.server = await startControlPlane({
      databaseUrl: this.#database!.url,
      hostSocket: this.#agent.socketPath,
    });
    await waitFor(async () => (await this.server.api("GET", "/readyz")).status === 200, {
      timeoutMs: 60_000,
      message: "not ready",
    });
  }

  async close(): Promise<void> {
    await this.server.controlPlane.stop();
    await this.#agent.remove();
    await this.#database?.drop();
  }

  readonly query = (text: string) => this.#database!.query(text);

  readonly api = (method: string, path: string, body?: unknown) => this.server.api(method, path, body);

  readonly post = async ({ name, dockerfile, recipe, files = {}, replace, more = {} }: GivenBuild) => {
    const form = new FormData();
    form.set("name", name);
    if (dockerfile !== undefined) form.set("dockerfile", dockerfile);
    if (recipe !== undefined) form.set("recipe", JSON.stringify(recipe));
    if (replace) form.set("replace", "true");
    for (const [field, value] of Object.entries(more)) form.set(field, value);
    for (const [path, text] of Object.entries(files)) form.set(path, new Blob([text]), path.split("/").at(-1));
    const reply = await fetch(`${this.server.url}/v1/templates/build`, {
      method: "POST",
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
      body: form,
    });
    return { status: reply.status, body: (await reply.json()) as Json };
  };

  readonly ended = async (id: string) => {
    let build = (await this.api("GET", `/v1/templates/builds/${id}`)).body;
    await waitFor(
      async () => {
        build = (await this.api("GET", `/v1/templates/builds/${id}`)).body;
        return build.status === "done" || build.status === "failed";
      },
      { timeoutMs: 60_000, message: `build ${id} does not end` },
    );
    return build;
  };

  readonly build = async (given: GivenBuild) => {
    const begun = await this.post(given);
    expect(begun.status, JSON.stringify(begun.body)).toBe(202);
    return this.ended(begun.body.id);
  };

  readonly log = async (id: string): Promise<string[]> => {
    const reply = await fetch(`${this.server.url}/v1/templates/builds/${id}/logs?follow=1`, {
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
    });
    const frames = (await reply.text()).split("\n\n");
    expect(frames.at(-2)).toBe("event: done\ndata: end");
    return frames.filter((frame) => frame.startsWith("data: {")).map((frame) => JSON.parse(frame.slice(6)).line);
  };

  readonly run = async (template: string, cmd: string): Promise<string> => {
    const created = await this.api("POST", "/v1/sandboxes", { template });
    expect(created.status, JSON.stringify(created.body)).toBe(201);
    const { body } = await this.api("POST", `/v1/sandboxes/${created.body.id}/exec`, { cmd });
    await this.api("DELETE", `/v1/sandboxes/${created.body.id}`);
    return body.stdout;
  };

  readonly leftBuilders = async () =>
    (await this.api("GET", "/v1/sandboxes")).body.filter(
      (one: { metadata: Record<string, string> }) => one.metadata["template_build"] !== undefined,
    );
}
