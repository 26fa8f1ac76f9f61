import { z } from "zod";

/** Drives that every template keeps free for volumes: what the set of devices in a frozen memory allows for. */
export const VOLUMES_PER_SANDBOX = 4;
/** Below it an ext4 with a journal has no room worth the name. */
export const SMALLEST_VOLUME_MB = 16;
/** The contract's 64 GiB. */
export const LARGEST_VOLUME_MB = 65_536;

export const VolumeId = z.uuid();

/** Where a volume may be mounted: absolute, plain, and not over what the guest itself stands on. */
export const MountPath = z
  .string()
  .max(512)
  .regex(
    /^(\/[A-Za-z0-9._@+-]+)+$/,
    "a mount path is absolute, of letters, digits and . _ @ + -, without a slash at its end",
  )
  .refine((path) => !path.split("/").some((part) => part === "." || part === ".."), "a mount path has no . or ..")
  .refine(
    (path) =>
      !/^\/(proc|sys|dev|run|etc|bin|sbin|lib|lib64|usr|boot|tmp|root)(\/|$)/.test(path) ||
      /^\/(root|tmp)\/./.test(path),
    "a volume cannot be mounted over the system; take a path below /mnt, /srv, /home, /root, /tmp or a folder of your own",
  );

/** A volume as a sandbox has it. */
export const SandboxVolume = z.object({
  volumeId: VolumeId,
  name: z.string(),
  path: MountPath,
  /** True: a copy of its own, as of the moment it was attached; nothing that is written there reaches the volume. */
  readOnly: z.boolean(),
});
export type SandboxVolume = z.infer<typeof SandboxVolume>;

/** A volume as the host agent reports it. */
export const HostVolume = z.object({
  id: VolumeId,
  name: z.string(),
  sizeBytes: z.int(),
  /** Never changes: it can be attached for reading only, and cloned. */
  isSnapshot: z.boolean(),
  createdAt: z.iso.datetime(),
});
export type HostVolume = z.infer<typeof HostVolume>;

/** What a child of a fork gets of its parent's volumes: their content for reading, or volumes of its own, one for each that the parent may write to. */
export const ForkVolumes = z.union([
  z.literal("read_only"),
  z.array(z.object({ of: VolumeId, volumeId: VolumeId, name: z.string() })),
]);
export type ForkVolumes = z.infer<typeof ForkVolumes>;
