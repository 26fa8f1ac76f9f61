import { describe, expect, test } from "vitest";
import { parseDockerfile } from "../src/builds/dockerfile.ts";
import { expand } from "../src/builds/expand.ts";
import { placeFiles } from "../src/builds/context.ts";

describe("a Dockerfile", () => {
  test("with everything in it", () => {
    const text = [
      "# syntax=docker/dockerfile:1",
      "ARG BASE=base",
      "FROM ${BASE} AS one",
      'ENV A=1 B="two words"',
      "ENV OLD style value",
      "ARG WHO=nobody",
      "RUN echo a && \\",
      "  # not this",
      "  echo b",
      "RUN <<EOF",
      "echo c",
      'echo "$A"',
      "EOF",
      "RUN python3 <<'PY'",
      "print(1)",
      "PY",
      'RUN --mount=type=cache,target=/root/.cache ["echo", "it\'s d"]',
      "COPY --chown=user:user --chmod=755 a b /to/",
      "EXPOSE 80",
      "WORKDIR /srv",
      "USER user:user",
      'ENTRYPOINT ["node"]',
      'CMD ["server.js", "a b"]',
      "HEALTHCHECK --interval=5s CMD curl -f http://localhost/ || exit 1",
      "FROM one",
      "RUN last",
    ].join("\r\n");
    expect(parseDockerfile(text, { WHO: "me" })).toEqual({
      from: "base",
      steps: [
        { env: { A: "1", B: "two words" } },
        { env: { OLD: "style value" } },
        { arg: { WHO: "me" } },
        { run: "echo a &&   echo b" },
        { run: 'echo c\necho "$A"' },
        { run: "python3 <<'PY'\nprint(1)\nPY" },
        { run: String.raw`exec echo 'it'\''s d'` },
        { copy: { from: ["a", "b"], to: "/to/", owner: "user:user", mode: "755" } },
        { workdir: "/srv" },
        { user: "user" },
        { run: "last" },
      ],
      start: "exec node server.js 'a b'",
      ready: "curl -f http://localhost/ || exit 1",
    });
  });

  test.each([
    ["FROM", /line 1: FROM needs/],
    ["FROM base\nADD https://example.com/x /", /line 2: ADD of https/],
    ["FROM base\nCOPY --from= a /", /line 2: --from needs/],
    ["FROM base\nADD --from=x a /", /line 2: ADD --from is not supported/],
    ["FROM base AS a\nFROM base AS A", /line 2: another stage is called a/],
    ["FROM base\nCOPY a", /line 2: COPY needs a source and a destination/],
    ["FROM base\nRUN --mount=type=ssh true", /line 2: RUN --mount=type=ssh/],
    ["FROM base\nRUN --mount=type=secret,id=a/b true", /line 2: RUN --mount=type=secret,id=a\/b: id/],
    ["FROM base\nRUN --mount=type=secret,id=x,size=3 true", /line 2: .*there is no option size/],
    ["FROM base\nHEALTHCHECK curl", /line 2: HEALTHCHECK is followed by/],
    ["", /there is no FROM/],
  ])("%j is refused with its line", (text, why) => expect(() => parseDockerfile(text)).toThrow(why));
});

test("stages that files are copied from are there, in order, and no others", () => {
  const text = [
    "FROM base AS tools",
    "RUN tools",
    "FROM base",
    "RUN nobody needs this",
    "FROM my-go AS Build",
    "COPY --from=tools /bin/t /bin/",
    "RUN build",
    "FROM build AS more",
    "RUN more",
    "FROM base",
    "COPY --from=3 --chown=user /out/ ./",
    "COPY --from=other /a /b",
    "ADD a.tar.gz /to",
  ].join("\n");
  const copied = { copy: { from: ["/bin/t"], to: "/bin/", source: "tools" } };
  expect(parseDockerfile(text)).toEqual({
    from: "base",
    stages: [
      { name: "tools", from: "base", steps: [{ run: "tools" }] },
      { name: "more", from: "my-go", steps: [copied, { run: "build" }, { run: "more" }] },
    ],
    steps: [
      { copy: { from: ["/out/"], to: "./", source: "more", owner: "user" } },
      { copy: { from: ["/a"], to: "/b", source: "other" } },
      { copy: { from: ["a.tar.gz"], to: "/to", unpack: true } },
    ],
  });
});

test("variables are expanded as Docker does", () => {
  const known = { A: "1", EMPTY: "" };
  expect(expand("$A ${A} ${A}b $NONE. ${NONE:-x$A} ${EMPTY:-y} ${A:+z} ${NONE:+z}.", known)).toBe("1 1 1b . x1 y z .");
  expect(expand(String.raw`\$A $`, known)).toBe("$A $");
});

describe("COPY", () => {
  const file = { bytes: Buffer.from("x"), mode: 0o644 };
  const context = new Map(["a", "src/one", "src/deep/two", "src/three.py"].map((path) => [path, file]));
  const placed = (from: string[], to: string) => placeFiles(context, { from, to }, "/w").map(({ path }) => path);
  test.each([
    [["a"], "/b", ["/b"]],
    [["a"], "/b/", ["/b/a"]],
    [["a"], ".", ["/w/a"]],
    [["/a"], "b", ["/w/b"]],
    [["src"], "/to", ["/to/deep/two", "/to/one", "/to/three.py"]],
    [["."], "./", ["/w/a", "/w/src/deep/two", "/w/src/one", "/w/src/three.py"]],
    [["src/*.py"], "/to/", ["/to/three.py"]],
    [["a", "src/one"], "/to", ["/to/a", "/to/one"]],
  ])("%j to %s", (from, to, paths) => expect(placed(from, to)).toEqual(paths));
  test.each([[["none"]], [["../a"]], [["src/../../a"]], [["*.none"]]])("%j is refused", (from) =>
    expect(() => placed(from, "/")).toThrow(/not in the build context|leads out of the build context/),
  );
});
