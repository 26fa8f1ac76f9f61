import { fc, test } from "@fast-check/vitest";
import { describe, expect } from "vitest";
import { formatTemplateReference, parseTemplateReference, TemplateTarget } from "../src/index.ts";

const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/);
const tag = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$/);
const version = fc.stringMatching(/^tb_[0-9a-f]{16}$/);
const workspace = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,62}$/);

describe("a template's reference", () => {
  test.prop([fc.option(workspace, { nil: undefined }), name, tag, fc.option(version, { nil: undefined })])(
    "is read as it was written",
    (inWorkspace, itsName, itsTag, itsVersion) => {
      const reference = {
        workspace: inWorkspace,
        name: itsName,
        tag: itsVersion === undefined ? itsTag : "default",
        version: itsVersion,
      };
      expect(parseTemplateReference(formatTemplateReference(reference))).toEqual(reference);
    },
  );

  test.prop([fc.string({ maxLength: 300 })])("is any text, or none, and never an exception", (text) => {
    const reference = parseTemplateReference(text);
    if (reference === undefined) return;
    expect(parseTemplateReference(formatTemplateReference(reference))).toEqual(reference);
  });

  test("what is built has a name and perhaps a tag", () => {
    for (const good of ["app", "app:v1", "A.b-c_d:1.2.3"])
      expect(TemplateTarget.safeParse(good).success, good).toBe(true);
    for (const bad of ["", "app:", ":v1", "a/b", "a:b:c", "app@tb_0123456789abcdef", "builds", "a:tb_0123456789abcdef"])
      expect(TemplateTarget.safeParse(bad).success, bad).toBe(false);
  });
});
