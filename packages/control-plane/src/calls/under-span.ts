import { beginSpan } from "@pandastack/platform";
import { callContext } from "./context.ts";

/** Work for a traced request under a span of its own, which hosts are told; for any other, just the work. */
export async function underSpan<T>(name: string, work: () => Promise<T>): Promise<T> {
  const context = callContext.getStore();
  if (context?.traceparent === undefined) return work();
  const span = beginSpan(name, { kind: "client", traceparent: context.traceparent });
  if (span === undefined) return work();
  try {
    const result = await callContext.run({ ...context, traceparent: span.traceparent }, work);
    span.end();
    return result;
  } catch (error) {
    span.end(error instanceof Error ? error.message : String(error));
    throw error;
  }
}
