import { describe, expect, it } from "vitest";
import { kvclient } from "./fakes.ts";

const line = (process: number, type: string, f: string, value: unknown): string =>
  JSON.stringify({ process, type, f, key: "<b>&'\"", value, time: 0 }) + "\n";
const WRITE = line(0, "invoke", "put", "1") + line(0, "ok", "put", "1");
const GOOD = WRITE + line(1, "invoke", "get", null) + line(1, "ok", "get", "1");
const BAD = WRITE + line(1, "invoke", "get", null) + line(1, "ok", "get", "</pre><script>");
const ETCD = "INFO  jepsen.util - 0\t:invoke\t:read\tnil\nINFO  jepsen.util - 0\t:ok\t:read\tnil\n";

describe("verify", () => {
  it("says for each file whether it is linearizable, and asks no server", async () => {
    const run = await kvclient(["verify", "good", "etcd", "-"], { files: { good: GOOD, etcd: ETCD }, input: GOOD });
    expect(run).toMatchObject({
      code: 0,
      error: "",
      output: "good: linearizable\netcd: linearizable\n-: linearizable\n",
    });
  });

  it("explains what is not, by line, and goes on", async () => {
    const run = await kvclient(["verify", "bad", "good"], { files: { good: GOOD, bad: BAD } });
    expect(run.code).toBe(1);
    expect(run.output).toContain("bad: not linearizable\n");
    expect(run.output).toContain("up to line 4 has no order; without that event it has one.");
    expect(run.output).toContain("(line 3 to line 4)");
    expect(run.output).toContain("good: linearizable\n");
  });

  it("writes JSON, one object a file", async () => {
    const run = await kvclient(["verify", "-o", "json", "bad", "good", "none"], { files: { good: GOOD, bad: BAD } });
    const [bad, good, none] = run.output.trim().split("\n").map((each): unknown => JSON.parse(each));
    expect(run.code).toBe(1);
    expect(bad).toMatchObject({
      file: "bad",
      verdict: "not linearizable",
      violation: { lastLine: 4, culprit: { process: 1, invokeLine: 3 }, minimal: true },
    });
    expect(good).toMatchObject({ file: "good", verdict: "linearizable", model: "kv", format: "jsonl", operations: 2 });
    expect(none).toMatchObject({ file: "none", verdict: "unreadable" });
  });

  it("draws a page that needs nothing else and in which nothing of the history is markup", async () => {
    const { terminal } = await kvclient(["verify", "--html", "out.html", "bad"], { files: { bad: BAD } });
    const page = terminal.files.get("out.html")!;
    expect(page).toMatch(/^<!doctype html>/);
    expect(page).toContain('class="culprit"');
    expect(page).toContain("&lt;script&gt;");
    expect(page).not.toMatch(/<script|<b>|https?:|src=/);
  });

  it("names the file and the line of what it cannot read", async () => {
    const files = {
      torn: GOOD + '{"process":',
      twice: WRITE + line(0, "ok", "put", "1"),
      odd: line(0, "invoke", "fly", 1),
    };
    const run = await kvclient(["verify", "torn", "twice", "odd", "none"], { files });
    expect(run.code).toBe(1);
    expect(run.error).toContain("kvclient: torn:5: not JSON");
    expect(run.error).toContain("kvclient: twice:3: process 0 ends a put (ok) that it did not invoke");
    expect(run.error).toContain('kvclient: odd:1: the model kv has no operation "fly"');
    expect(run.error).toContain("kvclient: none: ENOENT");
  });

  it("takes the model and the format it is told", async () => {
    const files = { good: GOOD };
    expect(await kvclient(["verify", "--model", "register", "good"], { files })).toMatchObject({ code: 0 });
    expect(await kvclient(["verify", "--format", "jepsen-etcd", "good"], { files })).toMatchObject({ code: 1 });
    expect(await kvclient(["verify", "--model", "tree", "good"], { files })).toMatchObject({ code: 2 });
    expect(await kvclient(["verify"], {})).toMatchObject({ code: 2 });
  });
});
