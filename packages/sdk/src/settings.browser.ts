import type { Environment } from "./settings.ts";

/** A page has neither an environment nor files: everything is said to `new PandaStack({ … })`. */
export const environment = (): Environment => ({});
export const configPath = (): string => "";
export const readConfigText = (): undefined => undefined;
