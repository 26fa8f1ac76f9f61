import { fileCommands } from "./file-commands.ts";
import { identityCommands } from "./identity-commands.ts";
import type { SimpleProgram } from "./program.ts";
import { textCommands } from "./text-commands.ts";

/** Programs that never wait, by name; the shell runs some of them itself. */
export const simplePrograms: Record<string, SimpleProgram> = { ...textCommands, ...fileCommands, ...identityCommands };
