import scalar from "@scalar/fastify-api-reference";
import type { FastifyInstance } from "fastify";
import { openApi } from "./system.ts";

/** The reference page at `/docs`. It works offline: no font, proxy, registry or agent of anyone else's is asked. */
export async function serveDocs(app: FastifyInstance): Promise<void> {
  await app.register(scalar, {
    routePrefix: "/docs",
    configuration: {
      content: openApi,
      pageTitle: "PandaStack API",
      proxyUrl: "",
      withDefaultFonts: false,
      hideClientButton: true,
      telemetry: false,
      agent: { disabled: true },
      showDeveloperTools: "never",
      defaultHttpClient: { targetKey: "shell", clientKey: "curl" },
    } as never,
  });
}
