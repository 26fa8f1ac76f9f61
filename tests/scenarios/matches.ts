/** What is wrong with a value, or undefined: of objects only the fields that are named are compared. */
export function matches(value: unknown, wanted: unknown, where = "it"): string | undefined {
  const wrong = `${where} is ${show(value)}, not ${show(wanted)}`;
  if (Array.isArray(wanted)) {
    if (!Array.isArray(value) || value.length !== wanted.length) return wrong;
    return first(wanted.map((each, index) => matches(value[index], each, `${where}[${index}]`)));
  }
  if (typeof wanted !== "object" || wanted === null) return (value ?? null) === wanted ? undefined : wrong;
  const special = wanted as Record<string, unknown>;
  if ("$some" in special) {
    const isThere = Array.isArray(value) && value.some((each) => matches(each, special["$some"]) === undefined);
    return isThere ? undefined : `${where}, ${show(value)}, has no ${show(special["$some"])}`;
  }
  if ("$matches" in special) return new RegExp(String(special["$matches"])).test(String(value)) ? undefined : wrong;
  if ("$bytes" in special) return textOf(value) === special["$bytes"] ? undefined : wrong;
  if ("$bytes_contain" in special) return textOf(value).includes(String(special["$bytes_contain"])) ? undefined : wrong;
  if (typeof value !== "object" || value === null) return wrong;
  return first(
    Object.entries(special).map(([name, each]) => {
      const fields = value as Record<string, unknown>;
      const camel = name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
      return matches(name in fields ? fields[name] : fields[camel], each, `${where}.${name}`);
    }),
  );
}

const first = (all: (string | undefined)[]): string | undefined => all.find((each) => each !== undefined);

function textOf(value: unknown): string {
  return Buffer.concat(Array.isArray(value) ? (value as Uint8Array[]) : [value as Uint8Array]).toString("utf8");
}

function show(value: unknown): string {
  return (JSON.stringify(value) ?? "undefined").slice(0, 500);
}
