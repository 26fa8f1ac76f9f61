import { PandaStackError } from "../errors/errors.ts";
import type { CallOptions, Http } from "../transport/http.ts";
import { pause } from "../transport/retry.ts";
import type { TemplateBuildInfo } from "../types.ts";

/** Of calls that need a template which may have to be built, or made for another runtime, first. */
export interface TemplateWaitOptions {
  /** How long to wait for that; 0: not at all, the call rejects with `template.not_ready`. Default: `timeoutMs`, or 30 minutes. */
  templateTimeoutMs?: number | undefined;
  /** Told how far its build is, whenever that changes. */
  onTemplateBuild?: ((build: TemplateBuildInfo) => void) | undefined;
}

const DEFAULT_WAIT_MS = 1_800_000;
const LOOK_MS = 1_000;
const DEFAULT_PAUSE_MS = 2_000;

/** Asks again as long as the answer is that a template is being made. `ask` hears how much time there is, in milliseconds. */
export async function whenTemplateIsReady<T>(
  http: Http,
  options: CallOptions & TemplateWaitOptions,
  ask: (timeoutMs: number | undefined) => Promise<T>,
): Promise<T> {
  const { timeoutMs } = options;
  const waitMs = options.templateTimeoutMs ?? (timeoutMs || DEFAULT_WAIT_MS);
  const end = performance.now() + waitMs;
  for (;;) {
    try {
      return await ask(timeoutMs);
    } catch (error) {
      const isComing = error instanceof PandaStackError && error.code === "template.not_ready";
      if (!isComing || performance.now() >= end) throw error;
      const buildId = (error.details as { build_id?: unknown } | undefined)?.build_id;
      if (typeof buildId === "string") await followBuild(http, buildId, options, end);
      else await pause(Math.min(error.retryAfterMs ?? DEFAULT_PAUSE_MS, end - performance.now()), options.signal);
    }
  }
}

/** Until it has ended, however: what came of it is said by who asked for it to begin with. */
async function followBuild(
  http: Http,
  id: string,
  { signal, onTemplateBuild }: CallOptions & TemplateWaitOptions,
  end: number,
): Promise<void> {
  for (let before = ""; performance.now() < end;) {
    const build = await http.json<TemplateBuildInfo>("GET", `/templates/builds/${encodeURIComponent(id)}`, { signal });
    const now = `${build.status} ${build.step}`;
    if (now !== before) onTemplateBuild?.(build);
    before = now;
    if (build.status === "done" || build.status === "failed") return;
    await pause(LOOK_MS, signal);
  }
}
