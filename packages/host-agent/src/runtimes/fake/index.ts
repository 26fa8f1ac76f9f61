export { createFakeRuntime, fakeMachines, type FakeRuntimeOptions } from "./runtime.ts";
