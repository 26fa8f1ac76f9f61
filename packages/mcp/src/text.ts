import { OUTPUT_HEAD_CHARACTERS, OUTPUT_LIMIT_CHARACTERS, PAGE_LIMIT } from "./limits.ts";

/** The beginning and the end of a long text, with a line between them that says how much is left out. */
export function boundText(
  text: string,
  limit: number = OUTPUT_LIMIT_CHARACTERS,
  head: number = OUTPUT_HEAD_CHARACTERS,
): string {
  if (text.length <= limit) return text;
  const [first, last] = [sliceWhole(text, 0, head), sliceWhole(text, text.length - (limit - head), text.length)];
  const left = text.length - first.length - last.length;
  return `${first}\n[… ${left} characters left out …]\n${last}`;
}

/** The beginning only. */
export function cutText(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const first = sliceWhole(text, 0, limit);
  return `${first}\n[… ${text.length - first.length} more characters]`;
}

/** A character of two halves is not cut in two. */
function sliceWhole(text: string, from: number, to: number): string {
  const isLowHalf = (at: number) => at < text.length && /[\uDC00-\uDFFF]/.test(text[at]!);
  return text.slice(isLowHalf(from) ? from + 1 : from, isLowHalf(to) ? to - 1 : to);
}

/** One page of a list as lines, and how to get the next one. */
export function pageOf<T>(items: readonly T[], offset: number, toLine: (item: T) => string, none: string): string {
  const page = items.slice(offset, offset + PAGE_LIMIT);
  if (page.length === 0) return offset === 0 ? none : `nothing from ${offset} on; there are ${items.length}`;
  const next = offset + page.length;
  const lines = page.map(toLine);
  if (next < items.length)
    lines.push(`[${offset + 1} to ${next} of ${items.length}; for the next ones call again with offset ${next}]`);
  return lines.join("\n");
}
