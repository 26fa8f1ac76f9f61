import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { spawnSync } from "node:child_process";
import type { GuestClient } from "../../src/guest/client.ts";
import { Bench, run } from "./guest.ts";

let bench: Bench;
let guest: GuestClient;
beforeAll(async () => {
  bench = await Bench.open();
  ({ guest } = await bench.boot());
});
afterAll(() => bench.close());

/** Scripts that the fake's shell must run as the real /bin/sh does: the machine's own is the measure. */
const scripts: string[] = [
  "echo a; echo b",
  "true && echo yes || echo no; false && echo yes || echo no",
  "echo 'single $x' \"double $((1 + 2))\" plain\\ escaped",
  "x=1; y=$x$x; echo ${y} ${z:-default} ${x:+set} ${#y}",
  "path=/a/b/c.tar.gz; echo ${path##*/} ${path%.*} ${path%%.*} ${path#/}",
  "for i in 1 2 3; do [ $i = 2 ] && continue; echo $i; done",
  "i=0; while :; do i=$((i + 1)); [ $i -ge 5 ] && break; done; echo $i",
  "i=3; until [ $i -eq 0 ]; do printf '%d ' $i; i=$((i - 1)); done; echo",
  "for i in a b; do for j in 1 2 3; do [ $j = 2 ] && continue 2; echo $i$j; done; done",
  "case hello in h?llo) echo match;; *) echo none;; esac; case x in a|x) echo either;; esac",
  "case '*' in '*') echo literal;; esac; case abc in [a-c]*) echo class;; esac",
  'f() { local x=inner; echo "$1 $# $x"; return 3; }; x=outer; f one two; echo $? $x',
  "if [ -d /nope ]; then echo a; elif true; then echo b; else echo c; fi",
  'echo one two  three | { read a b; echo "$b|$a"; }',
  "printf 'a\\nb\\nc\\n' | while read line; do echo \"<$line>\"; done",
  "x=$(printf 'line\\n\\n'); echo \"[$x]\"; echo `echo back`tick",
  "echo $(echo $(echo nested)); echo \"$(echo 'a  b')\" $(echo 'a  b')",
  "cat <<END\n$((6 * 7)) `echo sub`\nEND\ncat <<'END'\n$raw\nEND",
  "cat <<-END\n\tindented\n\tEND\necho after",
  'set -- a \'b c\' d; echo $#; for x in "$@"; do echo "<$x>"; done; shift; echo $1; echo "$*"',
  "set -e; false || true; if false; then :; fi; echo alive; false; echo dead",
  "(exit 7); echo $?; ( cd /; pwd ); x=1; (x=2); echo $x",
  "echo err >&2 2>&1; { echo out; echo err >&2; } 2>/dev/null",
  "! true; echo $?; ! false; echo $?",
  "x='a b c'; echo $x; echo \"$x\"; set -- $x; echo $#",
  "IFS=:; x=a:b:c; set -- $x; echo $2",
  "trap 'echo bye' EXIT; echo hi; exit 4",
  "sleep 0.01 & wait $!; echo $?; wait; echo done",
  "(sleep 0.01; exit 9) & p=$!; wait $p; echo $?",
  "kill -0 $$ && echo alive; sh -c 'kill -TERM $$; echo never'; echo $?",
  "eval 'x=5; echo $x'; y='echo indirect'; eval $y; $y",
  "echo $((1 + 2 * 3)) $(((1 + 2) * 3)) $((7 / 2)) $((7 % 3)) $((1 << 4)) $((5 > 3)) $((-3))",
  "x=5; echo $((x += 2)) $x $((x == 7 ? 1 : 0))",
  "printf '%s-%03d-%x\\n' a 7 255 b 8 16; printf '%5s|%-5s|\\n' ab cd",
  "printf '\\101\\n'; printf '%%|%c|%b\\n' xyz 'a\\tb'",
  "echo abc | tr a-c A-C; echo hello | tr -d l; seq 3 | tail -n 1; seq 5 | head -n 2",
  "printf 'b\\na\\nb\\n' | sort -u; printf 'a\\na\\nb\\n' | uniq -c | tr -s ' ' | cut -d' ' -f2,3",
  "printf 'one\\ntwo\\nthree\\n' | grep -v two | wc -l | tr -d ' '; echo abc | grep -q b && echo found",
  "echo 'a-b-c' | sed 's/-/+/g'; printf '1\\n2\\n3\\n' | sed -n 2p; echo abc | cut -c2",
  "exec 3>&1; echo through >&3; exec 3>&-; echo x > /dev/null",
  "VAR=value sh -c 'echo $VAR'; export E=1; sh -c 'echo $E'; unset E; sh -c 'echo [$E]'",
  "sh -c 'echo $0 $1 $#' name one; sh -c 'exit 5'; echo $?",
  "yes | head -n 3 | wc -l | tr -d ' '",
  "command -v no-such-thing || echo missing; no-such-thing 2>/dev/null; echo $?",
  "test abc = abc -a 1 -lt 2 && echo t; [ ! -e /nope ] && echo n; [ -n x ] && [ -z '' ] && echo z",
  "basename /a/b.txt .txt; dirname /a/b.txt; echo /etc/passw[d]; echo /no/such*",
  "{ echo a; echo b; } | cat -; for f in x; do echo $f; done > /dev/null; echo end",
  "echo a#b # comment\n# whole line\necho after",
  "x=1\nif true\nthen\n  echo multi\nfi",
  "echo a &&\necho b ||\necho c",
  "f() {\n  case $1 in\n    x) echo is-x ;;\n    *) echo other ;;\n  esac\n}\nf x; f y",
  "echo hi | base64; echo aGkK | base64 -d; printf abc | sha256sum | cut -c1-16",
];

describe("the fake's shell does what /bin/sh does", () => {
  test.each(scripts.map((script) => [script]))("%s", async (script) => {
    const real = spawnSync("/bin/sh", ["-c", script], { encoding: "utf8", input: "", cwd: "/" });
    const code = real.signal === "SIGTERM" ? 143 : real.status;
    const got = await run(guest, { shell: script, cwd: "/" });
    expect({ stdout: got.stdout, code: got.code }, got.stderr).toEqual({ stdout: real.stdout, code });
  });
});

test("python3 and node answer the one-liners of the API's tests and refuse the rest", async () => {
  expect((await run(guest, "python3 -c 'print(6 * (3 + 4) ** 1)'")).stdout).toBe("42\n");
  expect((await run(guest, "python3 - <<'END'\nprint(\"hi\")\nprint(1 + 1)\nEND")).stdout).toBe("hi\n2\n");
  expect((await run(guest, "node -e 'console.log(2 ** 10)'")).stdout).toBe("1024\n");
  const refused = await run(guest, "python3 -c 'import os; os.system(\"ls\")'");
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain("the fake guest can't run");
});
