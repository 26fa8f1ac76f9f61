// A cell is a script of a console, which knows nothing of modules: `import` statements at the beginning of a line and calls of
// `import(…)` become calls of a function that the kernel provides.
export const IMPORT = "__pandastack_import";
const CALL = /(?<![\w$."'`])import(?=\s*\()/g;
const STATEMENT =
  /^([ \t]*)import\s+(?:(type\s+)?([\w$*{},\s]+?)\s+from\s+)?(["'])([^"'\n]+)\4(?:\s+with\s*(\{[^}]*\}))?[ \t]*;?/gm;
const DEFAULT = /^[\w$]+$/;

export function withoutImports(code) {
  if (!/\bimport\b/.test(code)) return code;
  return code.replace(CALL, IMPORT).replace(STATEMENT, (whole, indent, type, names, _quote, specifier, attributes) => {
    if (type !== undefined) return "";
    const options = attributes === undefined ? "" : `, { with: ${attributes} }`;
    const load = `await ${IMPORT}(${JSON.stringify(specifier)}${options})`;
    if (names === undefined) return `${indent}${load};`;
    const declared = declarations(names.trim());
    return declared === undefined ? whole : `${indent}${declared(load)}`;
  });
}

/** `a, { b as c }` and the like → how to declare them from a module. */
function declarations(names) {
  const [, first, rest] = /^(?:([\w$]+)\s*,?\s*)?(\*\s*as\s+[\w$]+|\{[\s\S]*\})?$/.exec(names) ?? [];
  if (first === undefined && rest === undefined) return undefined;
  const space = /^\*\s*as\s+([\w$]+)$/.exec(rest ?? "")?.[1];
  if (space !== undefined)
    return (load) => `const ${space} = ${load};${first === undefined ? "" : ` const ${first} = ${space}.default;`}`;
  const bindings = (rest ?? "")
    .replace(/^\{|\}$/g, "")
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "" && !part.startsWith("type "));
  const fields = bindings.map((part) => part.replace(/^([\w$]+)\s+as\s+([\w$]+)$/, "$1: $2"));
  if (first !== undefined && DEFAULT.test(first)) fields.unshift(`default: ${first}`);
  return (load) => `const { ${fields.join(", ")} } = ${load};`;
}
