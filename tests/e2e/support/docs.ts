import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { REPOSITORY } from "./start-server.ts";

/** A piece of code on a page, between fences. */
export interface Block {
  readonly page: string;
  readonly language: string;
  readonly text: string;
  /** Of its first line, from 1. */
  readonly line: number;
}

/** Folders of the repository that hold no pages of their own. */
const LEFT_OUT = new Set(["node_modules", ".git", ".pandastack", "target", ".venv", "dist"]);

/** Every page for people, by its path in the repository. */
export function pages(folder = ""): string[] {
  return readdirSync(join(REPOSITORY, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return LEFT_OUT.has(entry.name) ? [] : pages(path);
    return entry.name.endsWith(".md") ? [path] : [];
  });
}

const FENCED = /^```([a-z]*)\n(.*?)^```$/gms;

export function blocksOf(page: string): Block[] {
  const text = readFileSync(join(REPOSITORY, page), "utf8");
  return [...text.matchAll(FENCED)].map(({ 1: language = "", 2: block = "", index }) => ({
    page,
    language,
    text: block,
    line: text.slice(0, index).split("\n").length + 1,
  }));
}
