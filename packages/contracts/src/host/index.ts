export * from "./state.ts";
export * from "./commands.ts";
export * from "./guest.ts";
export * from "./http.ts";
