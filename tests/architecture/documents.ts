/**
 * The documents as tests see them: blocks with the line they begin at, and the commands in those of shell.
 *
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./packed.ts";

/** README, CONTRIBUTING and the pages of docs/. */
export const DOCUMENTS: readonly string[] = [
  "README.md",
  "CONTRIBUTING.md",
  ...readdirSync(join(root, "docs")).filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`),
];

/** What stands between two lines of three backticks. */
export interface Block {
  /** The document and the number of the line, counted from 1. */
  readonly at: string;
  readonly document: string;
  /** What stands behind the first three backticks. */
  readonly language: string;
  readonly text: string;
}

/** The blocks of a document. */
export function blocksOf(document: string): Block[] {
  const text = readFileSync(join(root, document), "utf8");
  return [...text.matchAll(/^( *)```(.*)\n((?:.*\n)*?)\1```$/gm)].map((match) => ({
    at: `${document}:${text.slice(0, match.index).split("\n").length}`,
    document,
    language: match[2]!,
    text: match[3]!.replaceAll(new RegExp(`^${match[1]!}`, "gm"), ""),
  }));
}

/** A line of shell, however many lines it is written on. */
export interface Line {
  readonly at: string;
  readonly document: string;
  readonly text: string;
}

/** The lines of a block of shell; of a console only what is typed. Those that are only a comment are left out. */
export function linesOf({ at, document, language, text }: Block): Line[] {
  if (language !== "sh" && language !== "console") return [];
  const joined = text.replaceAll(/\\\n\s*/g, "").replaceAll(/^for .*?^done$/gms, (loop) => loop.replaceAll("\n", " "));
  return joined.split("\n")
    .filter((line) => language === "sh" || line.startsWith("$ "))
    .map((line) => (language === "sh" ? line : line.slice(2)).trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => ({ at, document, text: line }));
}

/** A command of a line. */
export interface Shell {
  readonly at: string;
  readonly words: readonly string[];
}

/** The words of a line, without its comment; what is behind `|`, `>`, `<`, `&` and `;` stands for itself. */
export function wordsOf(line: string): string[] {
  const words: string[] = [];
  for (
    const [all, quoted, double, operator] of line.matchAll(/'([^']*)'|"([^"]*)"|([|><;&]+)|(?:^|\s)#.*$|[^\s|><;&'"]+/g)
  ) {
    if (all.trimStart().startsWith("#")) break;
    words.push(quoted ?? double ?? operator ?? all);
  }
  return words;
}

/** The commands of a line, each with the name of its program first. */
export function commandsOf({ at, text }: Line): Shell[] {
  const commands: Shell[] = [];
  let rest = wordsOf(text);
  while (rest.length > 0) {
    const end = rest.findIndex((word) => /^[|><;&]+$/.test(word));
    const own = end === -1 ? rest : rest.slice(0, end);
    // Behind > and < there is a file.
    const skipped = end === -1 ? rest.length : end + (/^[><]+$/.test(rest[end]!) ? 2 : 1);
    // What a condition or a loop runs.
    const words = own.slice(["until", "do"].includes(own[0] ?? "") ? 1 : 0);
    if (words.length > 0) {
      commands.push({ at: `${at}: ${text}`, words: [words[0]!.replace(/^\.\/dist\//, ""), ...words.slice(1)] });
    }
    rest = rest.slice(skipped);
  }
  return commands;
}
