export { closePool, openPool, poolDir } from "./pool.ts";
export { defaultPoolBytes } from "./size.ts";
export { growPool } from "./grow.ts";
export { poolSpace, type PoolSpace } from "./space.ts";
