import { UPLOADS_PER_WORKSPACE } from "@pandastack/contracts";
import { expect, test } from "vitest";
import { UploadSlots } from "../src/builds/upload-slots.ts";

test("a workspace sends so many images at a time; one that ends, well or not, makes room", async () => {
  const slots = new UploadSlots();
  const endings = Array.from({ length: UPLOADS_PER_WORKSPACE }, () => Promise.withResolvers<string>());
  const under = endings.map(({ promise }) => slots.run("mine", () => promise));
  await expect(slots.run("mine", async () => "one more")).rejects.toMatchObject({ code: "template.too_many_builds" });
  expect(await slots.run("other", async () => "another's")).toBe("another's");
  endings[0]!.reject(new Error("gone"));
  await expect(under[0]).rejects.toThrow("gone");
  expect(await slots.run("mine", async () => "again")).toBe("again");
  for (const { resolve } of endings) resolve("done");
  await Promise.allSettled(under);
});
