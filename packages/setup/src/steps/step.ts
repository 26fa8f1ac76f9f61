/** Something that must be true of this machine before PandaStack can run, and how to make it true. */
export interface Step {
  /** A noun phrase, shown to the user: "guest kernel". Unique within a run. */
  readonly name: string;
  /** Names of the steps that must be done before this one is looked at. */
  readonly needs: readonly string[];
  /** Cheap: it is asked at every start. */
  isDone(): boolean | Promise<boolean>;
  /** Makes it so. May be killed at any instruction: the next call goes on or starts over. */
  run(context: StepContext): Promise<void>;
}

export interface StepContext {
  /** One line for the user: what is happening now. */
  say(text: string): void;
  /** Text for the log file only. */
  log(text: string): void;
}

/** A step that could not be done. The message holds what the user needs; it has been printed when this is thrown. */
export class StepFailed extends Error {
  override readonly name = "StepFailed";
  readonly step: string;
  constructor(step: string, cause: unknown) {
    super(`${step}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.step = step;
  }
}
