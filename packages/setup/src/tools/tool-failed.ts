/** A program that set-up called has failed, or could not be called. */
export class ToolFailed extends Error {
  override readonly name = "ToolFailed";
  /** The last lines that it printed, on either stream. */
  readonly lastLines: readonly string[];
  constructor(message: string, lastLines: readonly string[], options?: { cause: unknown }) {
    super(message, options);
    this.lastLines = lastLines;
  }
}
