import { readNumber } from "../admission/index.ts";
import type { PressureSettings } from "./rules.ts";

const percent = (preset: number) => ({ preset, least: 0, most: 100 });
const DAY_SECONDS = 86_400;

/** From `PANDASTACK_PRESSURE_…`. */
export function pressureSettings(env: Readonly<Record<string, string | undefined>>): PressureSettings {
  const read = (name: string, limits: { preset: number; least: number; most: number }) =>
    readNumber(env, `PANDASTACK_PRESSURE_${name}`, limits);
  return {
    intervalSeconds: read("SECONDS", { preset: 10, least: 0.1, most: 3600 }),
    squeezeBelowPercent: read("SQUEEZE_PERCENT", percent(15)),
    squeezeStalledPercent: read("SQUEEZE_STALLED_PERCENT", percent(10)),
    hibernateBelowPercent: read("HIBERNATE_PERCENT", percent(8)),
    hibernateStalledPercent: read("HIBERNATE_STALLED_PERCENT", percent(5)),
    idleSeconds: read("IDLE_SECONDS", { preset: 60, least: 0, most: DAY_SECONDS }),
  };
}
