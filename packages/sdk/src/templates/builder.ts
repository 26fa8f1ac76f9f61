/** One of the build's secrets in a step: a file, `/run/secrets/<id>` unless `target` says another, or a variable. */
export interface StepSecret {
  id: string;
  target?: string | undefined;
  env?: string | undefined;
}

/** A step, as the server takes it. */
export type RecipeStep =
  | { run: string; timeout_seconds?: number | undefined; secrets?: StepSecret[] | undefined }
  | {
      copy: {
        from: string[];
        to: string;
        /** A stage of the recipe, a template or an image; absent: the build's context. */
        source?: string | undefined;
        unpack?: boolean | undefined;
        owner?: string | undefined;
        mode?: string | undefined;
      };
    }
  | { env: Record<string, string> }
  | { workdir: string }
  | { user: string };

/** What a template is made of: plain data, sent as JSON. */
export interface Recipe {
  from: string;
  /** Built for the files that steps copy out of them. */
  stages?: { name: string; from: string; steps: RecipeStep[] }[];
  steps: RecipeStep[];
  start?: string;
  ready?: string;
  ready_timeout_seconds?: number;
  cpu?: number;
  memory_mb?: number;
  disk_mb?: number;
}

/**
 * A template in the making, step by step. Nothing happens before `templates.build`.
 * @example
 * const template = Template.from("base").run("pip install flask").copy("app.py", "/srv/").workdir("/srv").start("python3 app.py");
 * await panda.templates.build("my-app", template).done();
 */
export class Template {
  readonly recipe: Recipe;

  private constructor(recipe: Recipe) {
    this.recipe = recipe;
  }

  /** On top of another template, or of an image: `registry.example.com/name:tag`. */
  static from(template: string): Template {
    return new Template({ from: template, steps: [] });
  }

  #with(step: RecipeStep): Template {
    return new Template({ ...this.recipe, steps: [...this.recipe.steps, step] });
  }

  /**
   * A line of shell, or several. It fails the build unless it ends with 0. `secrets` names those that it needs, of what `build` is
   * given: they are there while it runs, and in nothing that is kept.
   */
  run(
    shell: string | readonly string[],
    options: { timeoutSeconds?: number; secrets?: readonly (string | StepSecret)[] } = {},
  ): Template {
    const text = typeof shell === "string" ? shell : shell.join(" && ");
    const secrets = options.secrets?.map((secret) => (typeof secret === "string" ? { id: secret } : secret));
    return this.#with({ run: text, timeout_seconds: options.timeoutSeconds, secrets });
  }
  /** Files and folders of the context, which is the working folder unless the build says another. */
  copy(from: string | readonly string[], to: string, options: { owner?: string; mode?: string } = {}): Template {
    return this.#with({ copy: { from: typeof from === "string" ? [from] : [...from], to, ...options } });
  }
  /**
   * Files of another template, of an image, or of one in the making, which is built beside this one and not kept.
   * @example Template.from("base").copyFrom(Template.from("my-compiler").run("make"), "/out/app", "/usr/local/bin/")
   */
  copyFrom(
    source: string | Template,
    from: string | readonly string[],
    to: string,
    options: { owner?: string; mode?: string } = {},
  ): Template {
    const copy = { from: typeof from === "string" ? [from] : [...from], to, ...options };
    if (typeof source === "string") return this.#with({ copy: { ...copy, source } });
    const { stages, name } = withStage(this.recipe.stages ?? [], source.recipe);
    return new Template({ ...this.recipe, stages }).#with({ copy: { ...copy, source: name } });
  }
  /** For the steps that follow, and every process of the sandboxes. */
  env(variables: Record<string, string>): Template {
    return this.#with({ env: variables });
  }
  /** Where the following steps and the program work; it is made where it is not there. */
  workdir(path: string): Template {
    return this.#with({ workdir: path });
  }
  /** Who runs the following steps and the program. */
  user(name: string): Template {
    return this.#with({ user: name });
  }

  /** Runs when the template's memory is taken: sandboxes have it running from their first moment. */
  start(shell: string): Template {
    return new Template({ ...this.recipe, start: shell });
  }
  /** Tried until it ends with 0; only then is memory taken. */
  ready(shell: string, options: { timeoutSeconds?: number } = {}): Template {
    const limit = options.timeoutSeconds === undefined ? {} : { ready_timeout_seconds: options.timeoutSeconds };
    return new Template({ ...this.recipe, ready: shell, ...limit });
  }
  /** Of the sandboxes. */
  size(size: { cpu?: number; memoryMb?: number; diskMb?: number }): Template {
    const { cpu, memoryMb, diskMb } = size;
    return new Template({
      ...this.recipe,
      ...(cpu === undefined ? {} : { cpu }),
      ...(memoryMb === undefined ? {} : { memory_mb: memoryMb }),
      ...(diskMb === undefined ? {} : { disk_mb: diskMb }),
    });
  }
}

type Stages = NonNullable<Recipe["stages"]>;

/** The stages that a recipe comes to, its own first; the same one is built once. */
function withStage(before: Stages, { from, steps, stages = [] }: Recipe): { stages: Stages; name: string } {
  let all = before;
  const names = new Map<string, string>();
  const renamed = (given: RecipeStep[]): RecipeStep[] =>
    given.map((step) => {
      const name = "copy" in step ? names.get(step.copy.source ?? "") : undefined;
      return "copy" in step && name !== undefined ? { copy: { ...step.copy, source: name } } : step;
    });
  const add = (stage: Omit<Stages[number], "name">): string => {
    const text = JSON.stringify([stage.from, stage.steps]);
    const same = all.find((one) => JSON.stringify([one.from, one.steps]) === text);
    if (same !== undefined) return same.name;
    const name = `stage-${all.length + 1}`;
    all = [...all, { name, ...stage }];
    return name;
  };
  for (const stage of stages) names.set(stage.name, add({ from: stage.from, steps: renamed(stage.steps) }));
  const name = add({ from, steps: renamed(steps) });
  return { stages: all, name };
}
