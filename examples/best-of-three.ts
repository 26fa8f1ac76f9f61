/** node examples/best-of-three.ts: try three ways from the same state, side by side, and keep the best. */
import { Sandbox } from "@pandastack/sdk";

const candidates = [
  "sort -n",
  "sort -n --parallel=1",
  "python3 -c 'import sys; print(*sorted(map(int, sys.stdin)), sep=chr(10))'",
];

const base = await Sandbox.create({ ttlSeconds: 600 });
await base.commands.run("seq 200000 | shuf > /dev/shm/numbers", { check: true });

const children = await base.forkTree({ count: candidates.length });
const tries = await Promise.all(
  children.map(async (child, index) => {
    const command = candidates[index] ?? "";
    const started = performance.now();
    await child.commands.run(`${command} < /dev/shm/numbers > /root/sorted`, { check: true });
    return { child, command, ms: performance.now() - started };
  }),
);
const [best] = tries.toSorted((a, b) => a.ms - b.ms);
if (best !== undefined) {
  await best.child.promote({ cleanupSiblings: true });
  console.log(`kept ${best.child.id}: ${best.command} took ${best.ms.toFixed(0)} ms`);
  await best.child.kill();
}
await base.kill();
