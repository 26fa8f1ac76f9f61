import { z } from "zod";
import { Health, NotReady, Ready, Version } from "../shapes/system.ts";
import { json, operation, stream } from "./operation.ts";

const Document = z.record(z.string(), z.unknown());

export const systemOperations = {
  getHealth: operation({
    method: "GET",
    path: "/healthz",
    tag: "System",
    summary: "Whether the process lives. Stays 200 while the database is away.",
    role: "public",
    replies: { 200: json(Health, "Alive.") },
  }),
  getReadiness: operation({
    method: "GET",
    path: "/readyz",
    tag: "System",
    summary: "Whether a create would work now.",
    role: "public",
    replies: { 200: json(Ready, "It would."), 503: json(NotReady, "It would not; what is missing.") },
  }),
  getVersion: operation({
    method: "GET",
    path: "/version",
    tag: "System",
    summary: "What runs here.",
    role: "public",
    replies: { 200: json(Version, "Version.") },
  }),
  getServerMetrics: operation({
    method: "GET",
    path: "/metrics",
    tag: "System",
    summary: "Figures of the server for Prometheus.",
    role: "public",
    replies: { 200: stream(["text/plain; version=0.0.4; charset=utf-8"], "Prometheus text format.") },
  }),
  getOpenApi: operation({
    method: "GET",
    path: "/openapi.json",
    tag: "System",
    summary: "This document.",
    role: "public",
    replies: { 200: json(Document, "OpenAPI 3.1.") },
  }),
  getOpenApiV1: operation({
    method: "GET",
    path: "/v1/openapi.json",
    tag: "System",
    summary: "This document, at its other address.",
    role: "public",
    replies: { 200: json(Document, "OpenAPI 3.1.") },
  }),
};
