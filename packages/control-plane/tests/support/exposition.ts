export interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  /** Names of its series, without labels: a histogram has several. */
  readonly series: ReadonlySet<string>;
  readonly labels: ReadonlySet<string>;
}

/** Families of Prometheus's text format: https://prometheus.io/docs/instrumenting/exposition_formats/ */
export function parseExposition(text: string): Family[] {
  const families: { name: string; type: string; help: string; series: Set<string>; labels: Set<string> }[] = [];
  for (const line of text.split("\n")) {
    const [, keyword, name = "", rest = ""] = /^# (HELP|TYPE) (\S+) ?(.*)$/.exec(line) ?? [];
    if (keyword === "HELP") families.push({ name, help: rest, type: "", series: new Set(), labels: new Set() });
    const current = families.at(-1);
    if (keyword === "TYPE" && current?.name === name) current.type = rest;
    const [, series, labels = ""] = /^([a-zA-Z_:][\w:]*)(\{.*\})? \S+$/.exec(line) ?? [];
    if (series === undefined || current === undefined) continue;
    current.series.add(series);
    for (const [, label = ""] of labels.matchAll(/[{,](\w+)="/g)) current.labels.add(label);
  }
  return families;
}

/** Names that a query asks for: words that are no function, keyword, label or text. */
export function metricsOf(query: string): string[] {
  const bare = query
    .replaceAll(/"[^"]*"/g, "")
    .replaceAll(/\{[^}]*\}/g, "")
    .replaceAll(/\[[^\]]*\]/g, "")
    .replaceAll(/\b(by|without|on|ignoring|group_left|group_right) *\([^)]*\)/g, "");
  return [...bare.matchAll(/\b([a-zA-Z_]\w*)\b(?! *\()/g)]
    .map((match) => match[1]!)
    .filter((word) => !KEYWORDS.has(word));
}

const KEYWORDS = new Set(["by", "without", "on", "ignoring", "and", "or", "unless", "bool", "offset"]);

/** Labels that a query names in `{…}` and `by (…)`. */
export function labelsOf(query: string): string[] {
  const inBraces = [...query.matchAll(/\{([^}]*)\}/g)].flatMap((match) =>
    [...match[1]!.matchAll(/(\w+) *(?:=~|!~|!=|=)/g)].map((label) => label[1]!),
  );
  const inBy = [...query.matchAll(/\b(?:by|without) *\(([^)]*)\)/g)].flatMap((match) =>
    match[1]!.split(",").map((label) => label.trim()),
  );
  return [...inBraces, ...inBy].filter((label) => label !== "");
}
