// Cells are evaluated as a debugger's console does it: `await` works at the top, `const` and `let` stay from cell to cell and may be
// declared again.
import { Session } from "node:inspector";
import { Script } from "node:vm";

const OBJECTS = "cells";
let session = connected();

function connected() {
  const fresh = new Session();
  fresh.connect();
  return fresh;
}

/** Objects live on the debugger's side under a number; its only way to hand one over is to call a function with it. */
const TAKE = "__pandastack_take";
const BEGIN = "__pandastack_begin";
let taken;
let begin;
for (const [name, value] of [
  [TAKE, (object) => void (taken = object)],
  [BEGIN, () => begin()],
])
  Object.defineProperty(globalThis, name, { value });
/** What is evaluated inside of this can be interrupted, also where it never comes back by itself. */
const interruptible = new Script(`${BEGIN}()`);

export class InterruptedError extends Error {
  name = "KeyboardInterrupt";
  message = "the cell was interrupted";
}

let interrupt = () => {};
process.on("SIGINT", () => interrupt());

/**
 * `{value}` or `{error}`, once it is known or an interrupt came. `begun` is called once an interrupt meets somebody: Node takes its
 * handlers away while it enters and leaves what can be interrupted, and a SIGINT in just that moment ends the process.
 */
export async function evaluate(code, name, begun) {
  const interrupted = new Promise((resolve) => (interrupt = () => resolve({ error: new InterruptedError() })));
  try {
    // As in Node's own console: braces at the beginning are an object, where that makes sense.
    if (/^\s*\{/.test(code) && !/;\s*$/.test(code)) {
      const outcome = await evaluateOnce(`(${code.trim()}\n)`, name, interrupted, begun);
      if (!(outcome.error instanceof SyntaxError)) return outcome;
    }
    return await evaluateOnce(code, name, interrupted, begun);
  } finally {
    interrupt = () => {};
  }
}

async function evaluateOnce(code, name, interrupted, begun) {
  const { promise, resolve } = Promise.withResolvers();
  begin = () =>
    session.post(
      "Runtime.evaluate",
      { expression: `${code}\n//# sourceURL=${name}`, replMode: true, awaitPromise: true, objectGroup: OBJECTS },
      (failure, reply) => resolve(failure === null ? outcomeOf(reply) : { error: new Error(failure.message) }),
    );
  const atOnce = enter();
  begun();
  const outcome = await Promise.race([atOnce ?? promise, interrupted]);
  if (outcome.error instanceof InterruptedError) {
    // It still waits for a promise. One that is never kept is collected one day, and to say so to a session of its own thread
    // from within the collector is the end of the process.
    session.disconnect();
    session = connected();
  }
  return outcome;
}

/** What came of it at once, where it did not get as far as a promise. */
function enter() {
  try {
    interruptible.runInThisContext({ breakOnSigint: true });
    return undefined;
  } catch (error) {
    return { error: error.code === "ERR_SCRIPT_EXECUTION_INTERRUPTED" ? new InterruptedError() : error };
  }
}

function outcomeOf({ result, exceptionDetails }) {
  if (exceptionDetails !== undefined) return { error: valueOf(exceptionDetails.exception ?? result) };
  return { value: valueOf(result) };
}

function valueOf({ type, value, objectId, unserializableValue }) {
  if (objectId !== undefined) {
    const functionDeclaration = `(object) => globalThis.${TAKE}(object)`;
    session.post("Runtime.callFunctionOn", { objectId, functionDeclaration, arguments: [{ objectId }] });
    session.post("Runtime.releaseObjectGroup", { objectGroup: OBJECTS });
    const object = taken;
    taken = undefined;
    return object;
  }
  if (unserializableValue === undefined) return value;
  return type === "bigint" ? BigInt(unserializableValue.slice(0, -1)) : Number(unserializableValue);
}
