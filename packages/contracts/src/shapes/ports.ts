import { z } from "zod";
import {
  PORT_LABEL_LIMIT_CHARACTERS,
  PREVIEW_PATHS_LIMIT,
  PREVIEW_PATH_LIMIT_CHARACTERS,
  PREVIEW_TTL_LIMIT_SECONDS,
} from "../limits.ts";
import { Timestamp } from "./timestamp.ts";

const SSH_PORT = 22;
const port = z
  .int("a whole number from 1 to 65535")
  .min(1, "from 1 to 65535")
  .max(65_535, "from 1 to 65535")
  .refine((number) => number !== SSH_PORT, "22 is reserved");

export const PortNumber = port;
/** The same in a path. */
export const PortParameter = z.string().max(64).pipe(z.coerce.number<string>().pipe(port));

export const Port = z
  .object({
    port: z.int(),
    label: z.string().optional(),
    listening: z.boolean(),
    source: z.enum(["user", "detected"]),
    public: z.boolean().describe("Whether its host-named preview answers anyone."),
    process: z.string().optional(),
    proxy_url: z.string().describe("Needs the API token."),
    preview_url: z.string().describe("Its own host name. Private unless `public`: see preview-token."),
  })
  .meta({ id: "Port" });
export type Port = z.infer<typeof Port>;

export const AddPortRequest = z
  .object({
    port: PortNumber,
    label: z.string().min(1).max(PORT_LABEL_LIMIT_CHARACTERS).nullish().describe("Default `service`."),
    public: z
      .boolean()
      .nullish()
      .describe("Open its host-named preview to anyone who knows the address. Default false."),
  })
  .meta({ id: "AddPortRequest" });

export const PreviewTokenRequest = z
  .object({
    port: PortNumber,
    ttl_seconds: z.int().min(1).max(PREVIEW_TTL_LIMIT_SECONDS).nullish().describe("Default 3600, at most seven days."),
    paths: z
      .array(
        z
          .string()
          .max(PREVIEW_PATH_LIMIT_CHARACTERS)
          .regex(
            /^\/[\x21\x23-\x24\x26-\x3e\x40-\x5b\x5d-\x7e]*$/,
            "a path that begins with / and has no % ? # or backslash",
          ),
      )
      .max(PREVIEW_PATHS_LIMIT)
      .nullish()
      .describe("Only these paths and what is below them. Default all."),
  })
  .meta({ id: "PreviewTokenRequest" });
export type PreviewTokenRequest = z.infer<typeof PreviewTokenRequest>;

export const PreviewToken = z
  .object({
    url: z.string().describe("Opens the preview for whoever has it, until it expires."),
    host_url: z
      .string()
      .describe("The same on the preview's own host name: sets a cookie there and goes on to the page."),
    token: z.string(),
    sandbox_id: z.string(),
    port: z.int(),
    paths: z.array(z.string()),
    expires_at: Timestamp,
  })
  .meta({ id: "PreviewToken" });
export type PreviewToken = z.infer<typeof PreviewToken>;
