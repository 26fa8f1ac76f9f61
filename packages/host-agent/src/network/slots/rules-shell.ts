import { toolShells } from "../../processes/tool-shells.ts";

const TIMEOUT_MS = 20_000;
const APPLY = `nsenter --net="$1" nft -f - <<END
$2
END`;

/** Puts nft text in force inside network namespaces: whole or not at all, one after the other. */
class RulesShell {
  #last: Promise<unknown> = Promise.resolve();

  apply(netnsPath: string, rules: string): Promise<void> {
    const work = this.#last.then(async () => {
      await toolShells.run("nft", APPLY, [netnsPath, rules], { timeoutMs: TIMEOUT_MS });
    });
    this.#last = work.catch(() => {});
    return work;
  }
}

export const rulesShell = new RulesShell();
