export { Admission, POOL_RESERVE_BYTES, measureHost } from "./admission.ts";
export { availableMemoryBytes, totalMemoryBytes } from "./host-memory.ts";
export { asRefusalWhenFull } from "./no-space.ts";
export { admissionSettings, readNumber } from "./settings.ts";
