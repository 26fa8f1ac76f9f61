import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { ImportRootRequest, ResolveImageRequest } from "@pandastack/contracts/host";
import type { SandboxHost } from "../sandboxes/host.ts";

const UploadQuery = z.object({ kind: z.enum(["rootfs", "image"]) });

/** Images, and the root file systems that are made of them. */
export const imageRoutes =
  ({ images }: SandboxHost) =>
  (app: FastifyInstance, _options: unknown, done: () => void) => {
    app.post("/v1/images", (request) => images.upload(UploadQuery.parse(request.query).kind, request.raw));
    app.post("/v1/images/resolve", (request) => images.resolve(ResolveImageRequest.parse(request.body)));
    app.post<{ Params: { id: string } }>("/v1/images/:id/release", (request) => {
      images.release(request.params.id);
      return {};
    });
    app.post("/v1/roots/import", (request) => images.begin(ImportRootRequest.parse(request.body)));
    done();
  };
