/** Opens the pool of the folder it is given; the test kills it on the way. */
import { openPool } from "../../src/pool/index.ts";

await openPool({ dataDir: process.argv[2] as string, log: { info: () => {}, warn: () => {} } });
