import type { FastifyInstance } from "fastify";
import { ExportRootRequest, HostOperation, PrepareTemplateRequest, RootKey } from "@pandastack/contracts/host";
import { serverTiming, withStepTimes } from "@pandastack/platform";
import type { SandboxHost } from "../sandboxes/host.ts";

/** State and commands. */
export const hostRoutes = (host: SandboxHost) => (app: FastifyInstance, _options: unknown, done: () => void) => {
  app.get("/v1/host", () => host.info());
  app.post("/v1/operations", async (request, reply) => {
    const operation = HostOperation.parse(request.body);
    request.span?.rename(operation.command.name);
    request.span?.describe({ "pandastack.operation_id": operation.operationId });
    const begun = performance.now();
    const { result, steps } = await withStepTimes(() => host.execute(operation), reply.elapsedTime);
    const { operationId, command } = operation;
    request.log.info({ operationId, command: command.name, ms: Math.round(performance.now() - begun) }, "done");
    request.span?.addSteps(steps);
    void reply.header("server-timing", serverTiming(steps));
    return { result };
  });
  app.get("/v1/sandboxes", () => ({ sandboxes: host.sandboxes() }));
  app.get<{ Params: { id: string } }>("/v1/sandboxes/:id", (request) => host.sandbox(request.params.id));
  app.get("/v1/roots", () => ({ roots: host.roots() }));
  app.post("/v1/roots", (request) => host.exportRoot(ExportRootRequest.parse(request.body)));
  app.get<{ Params: { key: string } }>("/v1/roots/:key", (request) => host.root(RootKey.parse(request.params.key)));
  app.post<{ Params: { key: string } }>("/v1/roots/:key/release", (request) => {
    host.releaseRoot(RootKey.parse(request.params.key));
    return {};
  });
  app.post("/v1/templates", (request) => host.prepareTemplate(PrepareTemplateRequest.parse(request.body)));
  app.get("/v1/volumes", () => ({ volumes: host.volumes() }));
  app.get("/v1/snapshots", () => ({ snapshots: host.snapshots() }));
  app.get<{ Params: { id: string } }>("/v1/sandboxes/:id/ports", async (request) => ({
    ports: await (await host.guest(request.params.id)).ports(),
  }));
  app.get<{ Params: { id: string } }>("/v1/sandboxes/:id/environment", (request) => ({
    environment: host.environment(request.params.id),
  }));
  app.get<{ Params: { id: string } }>("/v1/sandboxes/:id/network", (request) => host.network(request.params.id));
  app.get<{ Params: { id: string } }>("/v1/sandboxes/:id/use", (request) => host.use(request.params.id));
  app.get<{ Params: { id: string } }>("/v1/sandboxes/:id/metrics", async (request) => {
    const { id } = request.params;
    const [usage, guest] = await Promise.all([host.usage(id), host.guest(id).then((inside) => inside.metrics())]);
    return { ...guest, vmm: { pid: usage.pid, rss_bytes: usage.rssBytes, cpu_ms: usage.cpuMs } };
  });
  done();
};
