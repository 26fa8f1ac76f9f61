import { operations, type OperationName } from "@pandastack/contracts";
import { whenAborted } from "../calls/aborted.ts";
import type { Answer, Call, Handler, Principal } from "../calls/call.ts";
import type { SandboxRow } from "../persistence/tables.ts";
import type { SandboxParts } from "./parts.ts";
import { enter } from "./service/enter.ts";
import { findSandbox } from "./store.ts";

/** Whoever calls these waits for a command or a terminal. `execSocket` counts each of its commands itself. */
const WAITED_FOR: ReadonlySet<OperationName> = new Set([
  "exec",
  "execStream",
  "openTerminal",
  "openSsh",
  "connectProcess",
  "runCode",
  "runCodeStream",
  "runReplCell",
  "runRepl",
]);

type NeedsId<N extends OperationName> = Call<N> & {
  readonly params: { readonly id: string };
  readonly principal: Principal;
};

/**
 * A handler of an operation on one sandbox. What the contract says of the operation happens here, for all of them alike: the
 * sandbox is found (or is unknown), is in a state for it or is woken, and is in use until the answer is over, which for a
 * stream or a socket is when that closes.
 */
export function onSandbox<N extends OperationName>(
  parts: SandboxParts,
  name: N,
  handle: (call: NeedsId<N>, row: SandboxRow) => Promise<Answer<N>>,
): Handler<N> {
  const { verb, isActivity } = operations[name];
  return async (given) => {
    const call = given as NeedsId<N>;
    const row = await findSandbox(parts.db, call.principal.workspace, call.params.id);
    const leave = WAITED_FOR.has(name) ? parts.processes.enter(call.principal) : () => {};
    const rest = isActivity ? parts.activity.begin(row) : () => {};
    const end = () => {
      leave();
      rest();
    };
    let answer: Answer<N>;
    try {
      answer =
        verb === "use" || verb === "snapshot" || verb === "fork"
          ? await enter(parts, row, { verb, signal: call.signal }, (ready) => handle(call, ready))
          : await handle(call, row);
    } catch (error) {
      end();
      throw error;
    }
    return endsWith(answer, call, end);
  };
}

function endsWith<A extends object>(answer: A, call: { signal: AbortSignal }, end: () => void): A {
  if ("stream" in answer) {
    (answer.stream as NodeJS.ReadableStream).once("close", end);
    return answer;
  }
  if ("connect" in answer) {
    // The connection may be gone before it has become a WebSocket.
    whenAborted(call.signal, end);
    const connect = answer.connect as (socket: { once(event: "close", listener: () => void): void }) => void;
    return {
      ...answer,
      connect: (socket: Parameters<typeof connect>[0]) => {
        socket.once("close", end);
        connect(socket);
      },
    };
  }
  end();
  return answer;
}
