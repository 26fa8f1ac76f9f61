import { readFileSync } from "node:fs";

/** Changes with every boot of the host: a pid of another boot means nothing. */
export const hostBootId = (): string => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
