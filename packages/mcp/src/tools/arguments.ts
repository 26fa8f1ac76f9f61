import { z } from "zod";

/** Arguments that several tools have. */
export const sandboxId = z.string().describe("A sandbox's id: 20 letters and digits, as create_sandbox answers.");
export const offset = z.number().int().min(0).default(0).describe("Where to go on in a list that was too long.");
export const metadata = z.record(z.string(), z.string()).describe("Labels of your own.");
export const path = z.string().min(1).describe("Absolute, or relative to /root.");
