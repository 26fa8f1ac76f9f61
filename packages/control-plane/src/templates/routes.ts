import type { Handlers } from "../calls/call.ts";
import type { HostWatch } from "../hosts/watch.ts";
import { findTemplate, listCatalogue } from "./catalogue.ts";

export function templateHandlers(watch: HostWatch): Pick<Handlers, "listTemplates" | "getTemplate"> {
  return {
    listTemplates: async () => ({ status: 200, body: listCatalogue(await watch.known()) }),
    getTemplate: async ({ params }) => ({ status: 200, body: findTemplate(await watch.known(), params.name) }),
  };
}
