import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { flagsOf, type Program } from "../../cli/flags.ts";
import { KVCLIENT } from "../../cli/kvclient/table.ts";
import { KVSERVER } from "../../cli/kvserver/table.ts";
import { renderManual } from "../../cli/manual.ts";
import { kvclient } from "./fakes.ts";

const PROGRAMS: readonly Program[] = [KVSERVER, KVCLIENT];

function hasTool(name: string): boolean {
  return spawnSync(name, ["-V"]).error === undefined;
}

function shownBy(
  tool: string,
  args: readonly string[],
  page: string,
): { readonly text: string; readonly said: string } {
  const { stdout, stderr } = spawnSync(tool, args, { input: page, encoding: "utf8" });
  return { text: stdout, said: stderr };
}

describe("the manual page", () => {
  it("of each program is written by its command man", async () => {
    expect(await kvclient(["man"])).toMatchObject({ code: 0, output: renderManual(KVCLIENT), error: "" });
  });

  for (const program of PROGRAMS) {
    const page = renderManual(program);

    it(`of ${program.name} tells of every command and flag that is there`, () => {
      const plain = page.replaceAll("\\-", "-");
      for (const command of program.commands) {
        if (command.name !== "") expect(plain.includes(`fB${command.name}`)).toBe(command.notYet === null);
        for (const flag of flagsOf(program, command)) {
          expect(new RegExp(`--(\\[no-\\])?${flag.name}\\b(?!-)`).test(plain), flag.name).toBe(true);
        }
      }
    });

    it(`of ${program.name} has no line that roff takes for a request by accident, and nothing but ASCII`, () => {
      expect(page).toMatch(/^[\x20-\x7e\n]+$/);
      const requests = new Set(page.split("\n").filter((line) => /^[.']/.test(line)).map((line) => line.slice(0, 3)));
      for (const request of requests) {
        expect(['.\\"', ".TH", ".SH", ".SS", ".TP", ".PP", ".B ", ".br", ".RS", ".RE", ".nf", ".fi"]).toContain(
          request,
        );
      }
    });

    // Skipped where mandoc is not installed.
    it.skipIf(!hasTool("mandoc"))(`of ${program.name} is clean for mandoc`, () => {
      const lines = shownBy("mandoc", ["-T", "lint", "-W", "warning"], page).text.split("\n");
      // A page without a date is the same whenever it is made.
      expect(lines.filter((line) => line !== "" && !line.includes("missing date"))).toEqual([]);
    });

    // Skipped where groff is not installed.
    it.skipIf(!hasTool("groff"))(`of ${program.name} is clean for groff, which shows it as it is meant`, () => {
      const { text, said } = shownBy("groff", ["-man", "-Tutf8", "-ww", "-rLL=200n", "-P-cbou"], page);
      expect(said).toBe("");
      for (const [line] of program.commands.flatMap((command) => command.notYet === null ? command.examples : [])) {
        expect(text.replaceAll("…", "...")).toContain(line.replaceAll("…", "..."));
      }
    });
  }
});
