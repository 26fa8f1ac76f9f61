import type { World } from "./world.ts";

export const CONSOLE_DEVICE = "console";
/** As much as the real runtimes keep. */
const KEPT_CHARACTERS = 65_536;

export function writeConsole(world: World, text: string): void {
  world.consoleText = `${world.consoleText}${text}`.slice(-KEPT_CHARACTERS);
  world.consoleWritten += text.length;
}
