import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { checkHistory, DEFAULT_LIMITS } from "../../../src/sim/checker/check.ts";
import { detectFormat, readHistory } from "../../../src/sim/checker/formats.ts";
import { pairEvents } from "../../../src/sim/checker/history.ts";
import { modelFor } from "../../../src/sim/checker/models.ts";

const FOLDER = new URL("../../../../shared/histories/", import.meta.url);
const LABELS = new URL("labels.tsv", FOLDER);
const labelled = existsSync(LABELS)
  ? readFileSync(LABELS, "utf8").trim().split("\n").slice(1).map((line) => line.split("\t"))
  : [];

describe.skipIf(labelled.length === 0)(
  "histories with known verdicts (skipped where ../shared/histories is absent)",
  () => {
    for (const [file, label] of labelled) {
      it(`${file} is ${label === "true" ? "linearizable" : "not linearizable"}`, () => {
        const text = readFileSync(new URL(file!, FOLDER), "utf8");
        const format = detectFormat(text);
        const operations = pairEvents(readHistory(text, format).events);
        const limits = { ...DEFAULT_LIMITS, clock: { monotonic: (): number => 0 } };
        const { verdict } = checkHistory(operations, modelFor(null, format, operations), limits);
        expect(verdict).toBe(label === "true" ? "linearizable" : "not linearizable");
      });
    }
  },
);
