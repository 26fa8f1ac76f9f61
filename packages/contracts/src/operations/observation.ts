import { z } from "zod";
import { EventList, EventsQuery, LogsQuery, SandboxMetrics, SandboxUtil } from "../shapes/events.ts";
import { Host } from "../shapes/hosts.ts";
import { Port } from "../shapes/ports.ts";
import { json, jsonOrStream, operation, sandboxParams, stream } from "./operation.ts";

const TAG = "Observation";
const errors = ["sandbox.not_found", "host.unavailable"] as const;

/** None of these wakes a sandbox or keeps it from expiring. */
export const observationOperations = {
  getSandboxMetrics: operation({
    method: "GET",
    path: "/v1/sandboxes/{id}/metrics",
    tag: TAG,
    summary: "What it uses, as seen from the host and from inside.",
    role: "read",
    params: sandboxParams,
    replies: { 200: json(SandboxMetrics, "Zeros while it does not run.") },
    errors,
  }),
  getSandboxUtil: operation({
    method: "GET",
    path: "/v1/sandboxes/{id}/util",
    tag: TAG,
    summary: "Processor seconds and resident memory.",
    role: "read",
    params: sandboxParams,
    replies: { 200: json(SandboxUtil, "Zeros while it does not run.") },
    errors,
  }),
  getSandboxLogs: operation({
    method: "GET",
    path: "/v1/sandboxes/{id}/logs",
    tag: TAG,
    summary: "Its console and what API-started processes wrote there.",
    role: "read",
    params: sandboxParams,
    query: LogsQuery,
    replies: {
      200: stream(
        ["text/plain; charset=utf-8", "text/event-stream"],
        'Text; with `follow` events `line` with `{"line"}`.',
      ),
    },
    errors,
  }),
  listSandboxEvents: operation({
    method: "GET",
    path: "/v1/sandboxes/{id}/events",
    tag: TAG,
    summary: "What happened to it.",
    role: "read",
    params: sandboxParams,
    query: EventsQuery,
    replies: {
      200: jsonOrStream(
        EventList,
        "text/event-stream",
        "Oldest first. With `follow` server-sent events `event`, each one of these.",
      ),
    },
    errors,
  }),
  listPorts: operation({
    method: "GET",
    path: "/v1/sandboxes/{id}/ports",
    tag: TAG,
    summary: "TCP ports that something listens on.",
    role: "read",
    params: sandboxParams,
    replies: { 200: json(z.array(Port), "By number.") },
    errors,
  }),
  listHosts: operation({
    method: "GET",
    path: "/v1/hosts",
    tag: TAG,
    summary: "The machines that run sandboxes, and what isolates those, honestly.",
    role: "read",
    replies: { 200: json(z.array(Host), "Hosts.") },
    errors: ["host.unavailable"],
  }),
};
