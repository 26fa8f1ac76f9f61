export { createFakeRuntime, fakeMachine, type FakeRuntimeOptions } from "./runtime.ts";
