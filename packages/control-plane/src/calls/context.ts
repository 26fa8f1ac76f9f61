import { AsyncLocalStorage } from "node:async_hooks";

/** What belongs to the request that something is done for, and goes along to hosts. */
export interface CallContext {
  readonly requestId: string;
  /** W3C trace context of the span under which hosts are asked; undefined while nothing is traced. */
  readonly traceparent?: string | undefined;
}

/** Unset where nobody asked: reapers and reconcilers work for themselves. */
export const callContext = new AsyncLocalStorage<CallContext>();

/** Headers that say to a host for which request it is asked. */
export function contextHeaders(): Record<string, string> {
  const context = callContext.getStore();
  if (context === undefined) return {};
  return {
    "x-request-id": context.requestId,
    ...(context.traceparent === undefined ? {} : { traceparent: context.traceparent }),
  };
}
