import type { TransferProgress } from "@pandastack/sdk";
import { formatSize } from "../output.ts";

const REDRAW_MS = 100;

/** One line on a terminal's stderr, drawn again and again; nothing where nobody sees it. */
export function progressLine(name: string): { show(progress: TransferProgress): void; end(): void } {
  if (!process.stderr.isTTY) return { show: () => undefined, end: () => undefined };
  let last = "";
  let drawnAtMs = 0;
  const draw = () => process.stderr.write(`\r\u001b[K${last}`);
  return {
    show: ({ bytes, totalBytes }) => {
      const share = totalBytes === undefined || totalBytes === 0 ? "" : ` ${Math.floor((bytes / totalBytes) * 100)} %`;
      last = `${name}  ${formatSize(bytes)}${share}`;
      if (performance.now() - drawnAtMs < REDRAW_MS) return;
      drawnAtMs = performance.now();
      draw();
    },
    end: () => {
      if (last === "") return;
      draw();
      process.stderr.write("\n");
    },
  };
}
