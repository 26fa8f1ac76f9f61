import { PandaStack } from "@pandastack/sdk";
import { describe, expect, test } from "vitest";
import { postgres } from "./postgres.ts";

/**
 * Each template of the catalogue, built on the server that PANDASTACK_API_URL and PANDASTACK_API_KEY say, and its tools used in a
 * sandbox. PANDASTACK_TEMPLATES names some of them, PANDASTACK_TEMPLATE_RUNTIME another runtime than the server's first.
 */
const panda = new PandaStack();
const runtime = process.env["PANDASTACK_TEMPLATE_RUNTIME"];
const COMMAND_TIMEOUT_MS = 300_000;

const goProgram = [
  "cd /tmp && printf 'package main\nfunc main() { println(42) }' > c.go && go run c.go 2>&1",
  /^42$/m,
] as const;
const PICTURE = "\\x89PNG";
/** What is run in a sandbox, and what it says. */
const smoke: Record<string, readonly (readonly [command: string, said: RegExp])[]> = {
  base: [
    [
      "node --version; npm --version; python --version; python3 --version; git --version; curl --version | head -1",
      /v24[\s\S]*Python 3[\s\S]*Python 3[\s\S]*git[\s\S]*curl/,
    ],
    [
      "go version; bun --version; pnpm --version; mise --version",
      /go1\.\d+[\s\S]*^1\.\d+[\s\S]*^11\.[\s\S]*linux-x64/m,
    ],
    ["cd /tmp && echo 'int main(void) { return 42; }' > a.c && make -s a && ./a; echo $?", /^42$/m],
    [
      "cd /tmp && printf '#include <iostream>\nint main() { std::cout << 6 * 7; }' > b.cc && c++ b.cc -o b && ./b",
      /^42$/,
    ],
    // Go compiles its own runtime first: minutes, where the processor is emulated.
    ...(runtime === "microvm" ? [] : [goProgram]),
    ["cd /tmp && echo 'console.log(6 * 7 as number)' > d.ts && bun d.ts && node d.ts", /^42\n42$/m],
    [
      "su user -lc 'id -un; id -u; sudo id -u; echo ~; command -v node go bun pnpm mise cc | wc -l'",
      /^user\n1000\n0\n\/home\/user\n6$/m,
    ],
    ["bash -lc 'echo $PATH'", /\/root\/\.local\/bin.*:\/usr\/local\/bin:/],
    [
      "grep -c '^deb ' /usr/share/pandastack/packages.txt; grep '^program go' /usr/share/pandastack/packages.txt",
      /^\d{3}\nprogram go 1\./,
    ],
    // Megabytes, of which there are to be at most 900.
    ["du -smc --apparent-size /usr /var /etc /opt /home | tail -1 | cut -f1", /^([1-8]\d\d|900)$/m],
  ],
  "code-interpreter": [
    ["python3 -c 'import pandas as p; print(p.DataFrame({\"a\": [1, 2, 3]}).a.sum())'", /^6$/m],
    ["python3 -c 'import sklearn, scipy, seaborn, PIL, requests, openpyxl, IPython; print(\"all\")'", /^all$/m],
    [
      'cd /tmp && python3 -c \'import matplotlib.pyplot as p; p.plot([1, 2]); p.savefig("a.png")\' && python3 -c \'print(open("a.png", "rb").read(4))\'',
      new RegExp(PICTURE.replaceAll("\\", "\\\\")),
    ],
  ],
  agent: [
    ["codex --version", /\d+\.\d+/],
    ["opencode --version", /\d+\.\d+/],
    ["rg --version | head -1; tmux -V; jq --version; git --version", /ripgrep[\s\S]*tmux[\s\S]*jq[\s\S]*git/],
    ["gh --version | head -1; test -x /usr/local/bin/install-claude-code && echo there", /^gh version \d[\s\S]*there/],
    ["grep '^npm @openai/codex ' /usr/share/pandastack/packages.txt", /^npm @openai\/codex \d/],
  ],
  browser: [
    [
      "cd /tmp && echo '<h1>here</h1>' > a.html && screenshot file:///tmp/a.html a.png 2>/dev/null; python3 -c 'print(open(\"a.png\", \"rb\").read(4))'",
      new RegExp(PICTURE.replaceAll("\\", "\\\\")),
    ],
    ["chromium --version", /Chromium \d+/],
    [
      `cd /tmp && echo '<h1>by crawl4ai</h1>' > b.html && cat > c.py <<'END'
import asyncio
from crawl4ai import AsyncWebCrawler
async def main():
    async with AsyncWebCrawler(verbose=False) as crawler:
        print((await crawler.arun("file:///tmp/b.html")).markdown)
asyncio.run(main())
END
python3 c.py`,
      /^# by crawl4ai$/m,
    ],
    [
      `cd /tmp && cat > p.py <<'END'
from playwright.sync_api import sync_playwright
with sync_playwright() as p:
    page = p.chromium.launch().new_page()
    page.set_content("<p id=a>by Playwright</p>")
    print(page.inner_text("#a"))
END
python3 p.py`,
      /^by Playwright$/m,
    ],
  ],
  "postgres-16": postgres("16", []),
  "postgres-17": postgres("17", ["pg_cron", "pg_repack", "hypopg", "pgaudit", "ip4r", "rum"]),
  "claude-agent": [
    ["ant --help", /^usage: ant beta:worker run/],
    ["rg --version | head -1; jq --version; test -x /usr/local/bin/install-claude-code && echo there", /there/],
  ],
};

const only = process.env["PANDASTACK_TEMPLATES"]?.split(",");

describe.each(Object.entries(smoke).filter(([name]) => only?.includes(name) ?? true))("%s", (name, checks) => {
  test("is built, and its tools work in a sandbox", async () => {
    const began = performance.now();
    if ((await panda.templates.get(name)).status !== "ready") {
      await (await panda.templates.buildCatalogue(name)).done();
      console.info(`${name}: built in ${Math.round((performance.now() - began) / 1_000)} s`);
    }
    await using sandbox = await panda.sandboxes.create({ template: name, runtime, timeoutMs: COMMAND_TIMEOUT_MS });
    console.info(`${name}: ${Math.round((await panda.templates.get(name)).size_bytes / 2 ** 20)} MB of files`);
    for (const [command, said] of checks) {
      const { stdout, stderr } = await sandbox.commands.run(command, { timeoutMs: COMMAND_TIMEOUT_MS });
      expect(stdout, stderr).toMatch(said);
    }
  });
});

describe.skipIf(only?.includes("code-interpreter") === false)("code-interpreter's kernels", () => {
  test("are in its memory: nothing is started or loaded for the first cell, and no two copies share a token", async () => {
    const tokens = new Set<string>();
    for (let round = 0; round < 2; round++) {
      await using sandbox = await panda.sandboxes.create({
        template: "code-interpreter",
        runtime,
        timeoutMs: COMMAND_TIMEOUT_MS,
      });
      const loaded = await sandbox.runCode(
        "import sys; [name in sys.modules for name in ('pandas', 'matplotlib.pyplot')]",
      );
      expect(loaded).toMatchObject({ text: "[True, True]", executionCount: 1 });
      expect((await sandbox.runCode("1 + 1", { language: "javascript" })).text).toBe("2");
      tokens.add((await sandbox.commands.run("cat /run/pandastack/code/token")).stdout);
    }
    expect(tokens.size).toBe(2);
  });
});
