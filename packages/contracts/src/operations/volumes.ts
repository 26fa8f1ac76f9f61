import { z } from "zod";
import { CopyVolumeRequest, CreateVolumeRequest, GrowVolumeRequest, Volume } from "../shapes/volumes.ts";
import { empty, json, operation } from "./operation.ts";

const TAG = "Volumes";
const params = z.object({ name: z.string() });
const makingErrors = [
  "volume.already_exists",
  "quota.volumes_exceeded",
  "capacity.insufficient_storage",
  "host.unavailable",
  "idempotency.conflict",
  "idempotency.in_progress",
] as const;

export const volumeOperations = {
  createVolume: operation({
    method: "POST",
    path: "/v1/volumes",
    tag: TAG,
    summary: "A disk that outlives sandboxes; attached when one is created.",
    role: "member",
    body: CreateVolumeRequest,
    idempotent: true,
    replies: { 201: json(Volume, "Made, and empty.") },
    errors: makingErrors,
  }),
  listVolumes: operation({
    method: "GET",
    path: "/v1/volumes",
    tag: TAG,
    summary: "The workspace's volumes, by name.",
    role: "read",
    replies: { 200: json(z.array(Volume), "A bare array.") },
  }),
  getVolume: operation({
    method: "GET",
    path: "/v1/volumes/{name}",
    tag: TAG,
    summary: "One volume, and who has it.",
    role: "read",
    params,
    replies: { 200: json(Volume, "Volume.") },
    errors: ["volume.not_found"],
  }),
  growVolume: operation({
    method: "PATCH",
    path: "/v1/volumes/{name}",
    tag: TAG,
    summary: "Make it larger, also while a sandbox writes to it. Repeatable.",
    role: "member",
    params,
    body: GrowVolumeRequest,
    replies: { 200: json(Volume, "As it is now.") },
    errors: [
      "volume.not_found",
      "volume.read_only",
      "volume.mount_failed",
      "capacity.insufficient_storage",
      "host.unavailable",
    ],
  }),
  cloneVolume: operation({
    method: "POST",
    path: "/v1/volumes/{name}/clone",
    tag: TAG,
    summary: "A volume of its own with what is on this one now. Shares blocks until they are written.",
    role: "member",
    params,
    body: CopyVolumeRequest,
    idempotent: true,
    replies: { 201: json(Volume, "The clone.") },
    errors: ["volume.not_found", ...makingErrors],
  }),
  snapshotVolume: operation({
    method: "POST",
    path: "/v1/volumes/{name}/snapshot",
    tag: TAG,
    summary: "What is on it now, for good: a volume that can only be read, or cloned.",
    role: "member",
    params,
    body: CopyVolumeRequest,
    idempotent: true,
    replies: { 201: json(Volume, "The snapshot.") },
    errors: ["volume.not_found", ...makingErrors],
  }),
  deleteVolume: operation({
    method: "DELETE",
    path: "/v1/volumes/{name}",
    tag: TAG,
    summary: "Remove it and all that is on it; refused while a sandbox has it.",
    role: "member",
    params,
    replies: { 204: empty("Gone.") },
    errors: ["volume.not_found", "volume.in_use", "host.unavailable"],
  }),
};
