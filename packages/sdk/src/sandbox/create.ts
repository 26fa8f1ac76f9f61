import type { CreationOptions, Http } from "../transport/http.ts";
import { withKey } from "../transport/idempotency.ts";
import { type TemplateWaitOptions, whenTemplateIsReady } from "../templates/wait.ts";
import type { NetworkPolicy, OnIdle, SandboxInfo } from "../types.ts";

/** A volume that a new sandbox gets. */
export interface VolumeMount {
  name: string;
  /** Default: `/mnt/<name>`. */
  path?: string | undefined;
  /** What is on it now, beside whoever writes to it. Default: false, but for a snapshot of a volume. */
  readOnly?: boolean | undefined;
}

/** What a new sandbox is. */
export interface CreateOptions extends CreationOptions, TemplateWaitOptions {
  /** Default: the server's, `base`. One of the catalogue that was never used here is built first, which takes minutes. */
  template?: string | undefined;
  /** A snapshot's id: starts as that was, memory and all; the template is then the snapshot's. */
  fromSnapshot?: string | undefined;
  /** `auto` (the server's choice), `microvm`, … */
  runtime?: string | undefined;
  /** More processors than the template's, as far as the host gives so many. */
  cpu?: number | undefined;
  /** More memory than the template's, in steps. The first sandbox of a size waits for its memory to be made. */
  memoryMb?: number | undefined;
  /** Idle time after which it is removed; 0: never. Default: the server's, an hour. */
  ttlSeconds?: number | undefined;
  /** Never removed for being idle; its disk outlives its VMM. */
  persistent?: boolean | undefined;
  /**
   * What to do once nobody has used it and its network has carried nothing for `idleTimeoutSeconds`; using a hibernated one
   * wakes it. Takes the TTL's place, unless that is given, too.
   */
  onIdle?: OnIdle | undefined;
  /** Default: 300. */
  idleTimeoutSeconds?: number | undefined;
  /** Labels of your own. */
  metadata?: Record<string, string> | undefined;
  /** Environment of every command. */
  env?: Record<string, string> | undefined;
  /** What it may reach: `{ egress: "off" }`, `{ egress: { allow: ["*.example.com"] } }`. Default: the workspace's, else open. */
  network?: NetworkPolicy | undefined;
  /** Megabits a second that may leave it. Default: no limit. */
  egressMbps?: number | undefined;
  /** Mounted once it answers. At most four. */
  volumes?: VolumeMount[] | undefined;
}

export async function createSandbox(http: Http, options: CreateOptions): Promise<SandboxInfo> {
  const { template, fromSnapshot, runtime, ttlSeconds, persistent, metadata, env, ...rest } = options;
  const { cpu, memoryMb, network, egressMbps, volumes: mounts, onIdle, idleTimeoutSeconds, ...call } = rest;
  const idle = { on_idle: onIdle, idle_timeout_seconds: idleTimeoutSeconds };
  const life = { ttl_seconds: ttlSeconds, ...idle, persistent, metadata, env };
  const volumes = mounts?.map(({ name, path, readOnly }) => ({ name, path, read_only: readOnly }));
  const size = { cpu, memory_mb: memoryMb };
  const json = {
    template,
    from_snapshot: fromSnapshot,
    runtime,
    ...size,
    ...life,
    network,
    egress_mbps: egressMbps,
    volumes,
  };
  const { templateTimeoutMs, onTemplateBuild, ...keyed } = withKey(call);
  return whenTemplateIsReady(http, { ...keyed, templateTimeoutMs, onTemplateBuild }, (timeoutMs) =>
    http.json("POST", "/sandboxes", { ...keyed, timeoutMs, json }),
  );
}
