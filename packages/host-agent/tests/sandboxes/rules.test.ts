import { describe, expect, test } from "vitest";
import { HostSandboxState } from "@pandastack/contracts/host";
import { mayRun, type StateCommand } from "../../src/sandboxes/rules.ts";

const commands: StateCommand[] = ["pause", "resume", "hibernate", "wake", "snapshot", "fork", "guest"];

describe.each(commands)("%s", (command) => {
  test.each(HostSandboxState.options)(
    "meets a sandbox that is %s with work, success or a refusal that says why",
    (state) => {
      const sandbox = { id: "x", state, reason: state === "failed" ? "its machine died" : null };
      let verdict: boolean;
      try {
        verdict = mayRun(command, sandbox);
      } catch (error) {
        expect(error).toMatchObject({ code: "sandbox.invalid_state" });
        expect(String(error)).toContain(state === "failed" ? "its machine died" : state);
        return;
      }
      if (state === "failed") expect(command, "all that a failed sandbox can do is start from its disk").toBe("wake");
      expect(typeof verdict).toBe("boolean");
    },
  );
});

test("inside a paused sandbox nothing can be done, and the text says what to do first", () => {
  expect(() => mayRun("guest", { id: "x", state: "paused", reason: null })).toThrow("resume it first");
});
