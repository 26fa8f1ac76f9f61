export * from "./state.ts";
export * from "./commands.ts";
export * from "./guest.ts";
export * from "./http.ts";
export * from "./cidr.ts";
export * from "./domain.ts";
export * from "./network.ts";
export * from "./ceiling.ts";
