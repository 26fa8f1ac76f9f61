/**
 * A glob as a regular expression for relative paths: `*` and `?` stay in a folder, `**` goes through any number of them,
 * `[a-z]`, `{ts,tsx}`. One without a slash is a name, in whatever folder.
 */
export function globToRegExp(glob: string): RegExp {
  const pattern = glob.includes("/") ? glob.replace(/^\.?\//, "") : `**/${glob}`;
  let source = "";
  let braces = 0;
  for (let at = 0; at < pattern.length; at++) {
    const letter = pattern[at]!;
    if (pattern.startsWith("**/", at)) {
      source += "(?:[^/]+/)*";
      at += 2;
    } else if (pattern.startsWith("**", at)) {
      source += ".*";
      at += 1;
    } else if (letter === "*") source += "[^/]*";
    else if (letter === "?") source += "[^/]";
    else if (letter === "[") {
      const end = pattern.indexOf("]", at + 2);
      if (end === -1) source += "\\[";
      else {
        source += `[${pattern
          .slice(at + 1, end)
          .replace(/^!/, "^")
          .replaceAll("\\", "\\\\")}]`;
        at = end;
      }
    } else if (letter === "{") {
      braces += 1;
      source += "(?:";
    } else if (letter === "}" && braces > 0) {
      braces -= 1;
      source += ")";
    } else if (letter === "," && braces > 0) source += "|";
    else source += letter.replace(/[\\^$.|+()[\]{}]/, "\\$&");
  }
  return new RegExp(`^${source}${")".repeat(braces)}$`);
}

/** What `find -name` can tell apart by itself: the last part of the pattern, where that is simple. */
export function nameOf(glob: string): string {
  const last = glob.slice(glob.lastIndexOf("/") + 1);
  return /[{[]|\*\*/.test(last) ? "*" : last;
}
