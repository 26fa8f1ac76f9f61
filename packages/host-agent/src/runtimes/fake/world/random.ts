import { createHash } from "node:crypto";
import type { World } from "./world.ts";

/** Bytes of the guest's generator: a function of its state alone, so that an unrefreshed copy repeats its twin's. */
export function randomBytes(world: World, count: number): Buffer {
  const blocks: Buffer[] = [];
  for (let have = 0; have < count; have += 32) {
    blocks.push(
      createHash("sha256")
        .update(world.random.seed)
        .update(String(world.random.counter++))
        .digest(),
    );
  }
  return Buffer.concat(blocks).subarray(0, count);
}

export function addEntropy(world: World, entropy: Buffer): void {
  world.random.seed = createHash("sha256").update(world.random.seed).update(entropy).digest("hex");
}

export function randomUuid(world: World): string {
  const bytes = randomBytes(world, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
