import { join } from "node:path";

/** Where a data folder's pool is: the image, the same while it is being made, and what it is mounted on. */
export function poolPaths(dataDir: string): { image: string; unfinished: string; dir: string } {
  return { image: join(dataDir, "pool.img"), unfinished: join(dataDir, "pool.img.tmp"), dir: join(dataDir, "pool") };
}

/** What the pool says about itself while it works. Any pino logger will do. */
export interface PoolLog {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
}
