export * from "./errors.ts";
export * from "./lifecycle.ts";
export * from "./limits.ts";
export * from "./shapes/index.ts";
export * from "./operations/index.ts";
