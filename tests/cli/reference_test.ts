import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { describe, expect, it } from "vitest";
import { KVCLIENT } from "../../cli/kvclient/table.ts";
import { KVSERVER } from "../../cli/kvserver/table.ts";
import { renderReference } from "../../cli/reference.ts";

const PAGE = new URL("../../docs/command_line.md", import.meta.url);

describe("docs/command_line.md", () => {
  it("says what the tables say (run this test with UPDATE_DOCS=1 to write it again)", () => {
    const page = renderReference([KVSERVER, KVCLIENT]);
    if (process.env["UPDATE_DOCS"] === "1") writeFileSync(PAGE, page);
    expect(readFileSync(PAGE, "utf8")).toBe(page);
  });
});
