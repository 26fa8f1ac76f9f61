import { z } from "zod";

/** A switch in a query string: `1` and `true` are on; the bare name (`?follow`) too. */
export const Flag = z.enum(["1", "0", "true", "false", ""]).optional();
export type Flag = z.infer<typeof Flag>;

export function isOn(flag: Flag): boolean {
  return flag === "1" || flag === "true" || flag === "";
}
