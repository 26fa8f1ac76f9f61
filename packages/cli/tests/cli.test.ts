import { describe, expect, it } from "vitest";
import { parsePlace } from "../src/copy/place.ts";
import { formatAge, formatTable } from "../src/output.ts";
import { buildProgram } from "../src/program.ts";
import { toShell } from "../src/shell-words.ts";

describe("command line", () => {
  it("quotes words, and leaves one alone", () => {
    expect(toShell(["ls -l | wc"])).toBe("ls -l | wc");
    expect(toShell(["echo", "a b", "it's", "x=1", "$HOME", ""])).toBe(`echo 'a b' 'it'\\''s' x=1 '$HOME' ''`);
  });

  it("tells places in a sandbox from places here", () => {
    const id = "a1".repeat(10);
    expect(parsePlace(`${id}:/etc/hosts`)).toEqual({ sandboxId: id, path: "/etc/hosts" });
    expect(parsePlace(`${id}:notes.txt`)).toEqual({ sandboxId: id, path: "/root/notes.txt" });
    for (const here of ["./a:b", "C:/x", "/tmp/f", `${id}`])
      expect(parsePlace(here)).toEqual({ sandboxId: undefined, path: here });
  });

  it("draws tables and ages", () => {
    expect(formatTable(["ID", "STATUS"], [["abc", "running"]])).toBe("ID   STATUS\nabc  running");
    expect(formatTable(["ID"], [])).toBe("ID");
    const now = Date.parse("2026-01-02T00:00:00Z");
    expect(
      ["2026-01-01T23:59:58Z", "2026-01-01T23:00:00Z", "2026-01-01T00:00:00Z", undefined].map((at) =>
        formatAge(at, now),
      ),
    ).toEqual(["2s", "1h", "1d", "-"]);
  });

  it("gives every command --json and an example that names it", () => {
    const groups = buildProgram().commands.flatMap((command) =>
      command.commands.length > 0 ? [...command.commands] : [command],
    );
    expect(groups.length).toBeGreaterThan(30);
    for (const command of groups) {
      expect(
        command.options.map(({ long }) => long),
        command.name(),
      ).toContain("--json");
      let help = "";
      command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
      expect(help).toMatch(new RegExp(`Example:\\n  \\$ pandastack .*\\b${command.name()}\\b`));
    }
  });
});
