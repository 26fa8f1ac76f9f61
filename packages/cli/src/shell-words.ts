/** Words as typed reach the program as they are; a single one is a line for the shell. */
export function toShell(words: string[]): string {
  const [only] = words;
  return words.length === 1 && only !== undefined ? only : words.map(quote).join(" ");
}

function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
