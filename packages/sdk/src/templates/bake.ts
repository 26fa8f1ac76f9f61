import type { CallOptions, Http } from "../transport/http.ts";
import type { TemplateBuildInfo } from "../types.ts";
import { TemplateBuild } from "./build.ts";

/** What a sandbox's template is beside its files. */
export interface BakeOptions extends CallOptions {
  /** Started before its memory is taken. Default: what the sandbox's own template starts. */
  start?: string | undefined;
  /** Tried until it ends with 0; only then is memory taken. */
  ready?: string | undefined;
  readyTimeoutSeconds?: number | undefined;
  label?: string | undefined;
  description?: string | undefined;
  /** In the place of another that has this name. */
  replace?: boolean | undefined;
  /** Default true; false: resolves once it has begun. */
  wait?: boolean | undefined;
}

/** Begun and then asked for: no request has to last as long as the making of a template. */
export async function bakeInto(http: Http, path: string, name: string, options: BakeOptions): Promise<TemplateBuild> {
  const { start, ready, readyTimeoutSeconds, label, description, replace, wait = true, ...call } = options;
  const json = {
    image_name: name,
    start,
    ready,
    ready_timeout_seconds: readyTimeoutSeconds,
    label,
    description,
    replace,
    wait: false,
  };
  const answer = await http.json<{ build: TemplateBuildInfo }>("POST", path, { ...call, json });
  const build = new TemplateBuild(http, answer.build);
  if (wait) await build.done(call.signal === undefined ? {} : { signal: call.signal });
  return build;
}
