export { measureMemory } from "./figures.ts";
export { type PressureOptions, PressureWatch } from "./pressure-watch.ts";
export { pressureSettings } from "./settings.ts";
