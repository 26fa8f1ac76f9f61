import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, it, vi } from "vitest";
import { pythonTools } from "../src/artifacts/python-tools.ts";
import { openCache } from "../src/cache/cache.ts";
import { findPython } from "../src/host/python.ts";
import { temporaryFolder } from "./folder.ts";

afterEach(() => void vi.unstubAllEnvs());

function repositoryWith(requirements: string): string {
  const repository = temporaryFolder();
  mkdirSync(join(repository, "python"));
  writeFileSync(join(repository, "python/requirements-dev.txt"), requirements);
  return repository;
}

const fedora = { title: "Fedora Linux 42", id: "fedora", version: "42" };
const context = { say: () => {}, log: () => {} };

it("passes over a Python that is too old or cannot make environments", async () => {
  const folder = temporaryFolder();
  const program = (name: string, script: string): void => {
    writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(folder, name), 0o755);
  };
  program("old-python", "exit 1");
  program("new-python", "echo /usr/bin/new-python 3.99");
  vi.stubEnv("PATH", folder);
  expect(await findPython(["none-like-it", "old-python", "new-python"])).toEqual({
    path: join(folder, "new-python"),
    version: "/usr/bin/new-python 3.99\n",
  });
  expect(await findPython(["old-python"])).toBeUndefined();
});

it("says why there are none where no Python is, and none is installed by itself", async () => {
  const cache = openCache(temporaryFolder());
  const repository = repositoryWith("");
  const tools = pythonTools({ cache, repository, distribution: fedora, find: async () => undefined });
  expect(await tools.step.isDone()).toBe(true);
  expect(tools.outcome()).toEqual({ missing: expect.stringMatching(/no Python 3\.10.*Fedora Linux 42/) as string });
});

it("are made once for a Python and its packages, and made again when either changes", async () => {
  const folder = temporaryFolder();
  const cache = openCache(join(folder, "cache"));
  // Stands for Python: makes a folder with itself in it, and notes what it is asked to install.
  const python = join(folder, "python");
  writeFileSync(
    python,
    `#!/bin/sh\nif test "$2" = venv; then mkdir -p "$3/bin" && cp "$0" "$3/bin/python"; else echo "$@" >> ${folder}/installed; fi\n`,
  );
  chmodSync(python, 0o755);
  const made = async (version: string, requirements: string) => {
    const find = async () => ({ path: python, version });
    const tools = pythonTools({ cache, repository: repositoryWith(requirements), distribution: fedora, find });
    const wasThere = await tools.step.isDone();
    if (!wasThere) await tools.step.run(context);
    return { wasThere, outcome: tools.outcome() };
  };
  const first = await made("3.12", "httpx==1");
  expect(first).toEqual({ wasThere: false, outcome: { python: expect.stringContaining("/bin/python") as string } });
  expect(await made("3.12", "httpx==1")).toEqual({ ...first, wasThere: true });
  expect((await made("3.13", "httpx==1")).wasThere).toBe(false);
  expect((await made("3.12", "httpx==2")).wasThere).toBe(false);
});
