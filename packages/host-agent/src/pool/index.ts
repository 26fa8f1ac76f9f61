export { closePool } from "./close.ts";
export { growPool } from "./grow.ts";
export { openPool, type Pool } from "./open.ts";
export { loopDevicesOf } from "./loop.ts";
export { flushImage, untilUnmounted } from "./mounted-images.ts";
export { reflinkFile, supportsReflink } from "./reflink.ts";
export { diskUsage, poolSpace, type PoolSpace } from "./space.ts";
export { LET_GO_OF_POOLS } from "./let-go-of-pools.ts";
