export * from "./failures.ts";
export * from "./ids.ts";
export * from "./logger.ts";
export * from "./files.ts";
export * from "./deadline.ts";
export * from "./crash-points.ts";
export * from "./step-times.ts";
export * from "./tracing.ts";
