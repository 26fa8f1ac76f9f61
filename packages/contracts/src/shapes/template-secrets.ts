import { z } from "zod";

/** Of one build, together with the context they are in the control plane's memory. */
export const SECRETS_LIMIT = 16;
export const SECRET_LIMIT_BYTES = 64 * 1024;
/** Where a step finds a secret that says no other place. */
export const SECRETS_FOLDER = "/run/secrets";

export const SecretId = z
  .string()
  .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/, "1 to 64 of A-Z, a-z, 0-9, underscore, dot and dash");

/** A secret in one step: a file in memory that is there while it runs, or a variable. */
export const SecretMount = z.strictObject({
  id: SecretId,
  /** Default: `/run/secrets/<id>`. */
  target: z
    .string()
    .max(4_096)
    .regex(/^\/[^\0]*[^/\0]$/, "an absolute path of a file")
    .optional(),
  env: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, "a variable's name")
    .optional(),
  /** False: the step runs without it where the build was given none. */
  required: z.boolean().optional(),
  mode: z
    .string()
    .regex(/^0?[0-7]{3}$/, "octal, such as 0400")
    .optional(),
});
export type SecretMount = z.infer<typeof SecretMount>;

/** Of the form's field `secrets`: ids, and what they hold in base64. */
export const BuildSecretsField = z
  .record(SecretId, z.base64().max(Math.ceil(SECRET_LIMIT_BYTES / 3) * 4))
  .refine((secrets) => Object.keys(secrets).length <= SECRETS_LIMIT, `at most ${SECRETS_LIMIT} secrets`);
