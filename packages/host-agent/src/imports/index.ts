export { ImageStore } from "./image-store.ts";
export { readPrivateRegistries } from "./registry/guard.ts";
