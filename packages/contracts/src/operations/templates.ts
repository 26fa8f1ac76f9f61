import { z } from "zod";
import { Template, TemplateParams } from "../shapes/templates.ts";
import { json, operation } from "./operation.ts";

export const templateOperations = {
  listTemplates: operation({
    method: "GET",
    path: "/v1/templates",
    tag: "Templates",
    summary: "What sandboxes can be made from.",
    role: "read",
    replies: { 200: json(z.array(Template), "A bare array, by name.") },
    errors: ["host.unavailable"],
  }),
  getTemplate: operation({
    method: "GET",
    path: "/v1/templates/{name}",
    tag: "Templates",
    summary: "One template, by its name or an alias.",
    role: "read",
    params: TemplateParams,
    replies: { 200: json(Template, "Template.") },
    errors: ["template.unknown", "host.unavailable"],
  }),
};
