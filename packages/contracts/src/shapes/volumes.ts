import { z } from "zod";
import { LARGEST_VOLUME_MB, MountPath, SMALLEST_VOLUME_MB, VOLUMES_PER_SANDBOX } from "../host/index.ts";
import { Timestamp } from "./timestamp.ts";

export const DEFAULT_VOLUME_MB = 256;

export const VolumeName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
    "a volume's name has 1 to 63 letters, digits, dots, dashes and underscores, and begins with a letter or digit",
  );

export const VolumeSizeMb = z.int().min(SMALLEST_VOLUME_MB).max(LARGEST_VOLUME_MB);

export const Volume = z
  .object({
    name: z.string(),
    size_mb: z.int(),
    size_bytes: z.int(),
    is_snapshot: z.boolean().describe("It stays as it is: attached for reading only, or cloned."),
    attached_to: z
      .array(z.object({ sandbox_id: z.string(), path: z.string(), read_only: z.boolean() }))
      .describe("Sandboxes that have it, also those that are paused or hibernated."),
    created_at: Timestamp,
  })
  .meta({ id: "Volume" });
export type Volume = z.infer<typeof Volume>;

export const CreateVolumeRequest = z
  .object({ name: VolumeName, size_mb: VolumeSizeMb.nullish().describe(`Default ${DEFAULT_VOLUME_MB}.`) })
  .meta({ id: "CreateVolumeRequest" });
export type CreateVolumeRequest = z.infer<typeof CreateVolumeRequest>;

export const GrowVolumeRequest = z
  .object({ size_mb: VolumeSizeMb.describe("At least what it has: volumes only grow.") })
  .meta({ id: "GrowVolumeRequest" });

export const CopyVolumeRequest = z.object({ name: VolumeName }).meta({ id: "CopyVolumeRequest" });

/** What a create asks for. */
export const VolumeMount = z.object({
  name: VolumeName,
  read_only: z.boolean().nullish().describe("A copy as of now, beside whoever writes to the volume. Default false."),
  path: MountPath.nullish().describe("Default `/mnt/<name>`."),
});
export type VolumeMount = z.infer<typeof VolumeMount>;
export const VolumeMounts = z.array(VolumeMount).max(VOLUMES_PER_SANDBOX);

/** What a sandbox has. */
export const AttachedVolume = z.object({ name: z.string(), path: z.string(), read_only: z.boolean() });
