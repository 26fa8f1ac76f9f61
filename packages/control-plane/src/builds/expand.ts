/** `$NAME`, `${NAME}`, `${NAME:-otherwise}` and `${NAME:+instead}`, as Dockerfiles have them; `\$` is a dollar. */
export function expand(text: string, variables: Readonly<Record<string, string>>): string {
  return text.replaceAll(
    /\\\$|\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?::([-+])([^}]*))?\})/g,
    (all, plain?: string, braced?: string, operator?: string, word = "") => {
      if (all === "\\$") return "$";
      const value = variables[plain ?? braced ?? ""] ?? "";
      if (operator === "-") return value === "" ? expand(word, variables) : value;
      if (operator === "+") return value === "" ? "" : expand(word, variables);
      return value;
    },
  );
}
