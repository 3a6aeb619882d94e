/**
 * A Dockerfile, as far as the tests look at it.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { DockerfileParser, type Instruction } from "dockerfile-ast";
import type { Environment } from "./programs.ts";

/** The root of the repository, from which images are built. */
export const ROOT: URL = new URL("../../../", import.meta.url);

/** One instruction: `COPY`, and what follows it in one line. */
export interface Step {
  readonly keyword: string;
  readonly text: string;
  /** The words, without flags. */
  readonly words: readonly string[];
}

/** A Dockerfile. */
export interface Dockerfile {
  /** Arguments before the first stage, with their defaults. */
  readonly args: ReadonlyMap<string, string>;
  /** The instructions of each stage, its FROM first. */
  readonly stages: readonly (readonly Step[])[];
  /** The environment that the image has. */
  readonly env: Environment;
}

/** Reads `deploy/NAME`. */
export function readDockerfile(name: string): Dockerfile {
  const source = readFileSync(new URL(`deploy/${name}`, ROOT), "utf8");
  const file = DockerfileParser.parse(source);
  const lines = source.split("\n");
  const args = new Map<string, string>();
  const stages: Step[][] = [];
  for (const instruction of file.getInstructions()) {
    const step = stepOf(instruction, lines);
    if (step.keyword === "FROM") stages.push([step]);
    else if (stages.length > 0) stages.at(-1)!.push(step);
    else args.set(step.text.split("=")[0]!, step.text.split("=").slice(1).join("="));
  }
  const env = Object.fromEntries(
    (stages.at(-1) ?? []).filter(({ keyword }) => keyword === "ENV").flatMap(({ words }) =>
      words.map((word) => [word.slice(0, word.indexOf("=")), word.slice(word.indexOf("=") + 1)])
    ),
  ) as Environment;
  return { args, stages, env };
}

function stepOf(instruction: Instruction, lines: readonly string[]): Step {
  const { start, end } = instruction.getRange();
  const whole = lines.slice(start.line, end.line + 1).map((line) => line.replace(/\\$/, "").trim()).join(" ").trim();
  const text = whole.slice(instruction.getInstruction().length).trim();
  const words = text.split(/\s+/).filter((word) => word !== "" && !word.startsWith("--"));
  return { keyword: instruction.getKeyword(), text, words };
}

/** The words of an instruction in the form that runs without a shell. */
export function execForm(text: string): readonly string[] {
  const words: unknown = JSON.parse(text.slice(text.indexOf("[")));
  if (!Array.isArray(words) || !words.every((word) => typeof word === "string")) {
    throw new Error(`not in exec form: ${text}`);
  }
  return words;
}
