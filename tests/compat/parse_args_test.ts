import fc from "fast-check";
import { parseArgs } from "@std/cli/parse-args";
import { describe, expect, it } from "vitest";

/** Words that are neither options nor numbers nor booleans. */
const word = fc.stringMatching(/^[a-z]{2,8}$/).filter((text) => !["true", "false", "nan", "infinity"].includes(text));
const name = fc.stringMatching(/^[a-z]{2,8}$/).filter((text) => !text.startsWith("no"));

describe("parseArgs", () => {
  it("keeps words that belong to no option in order", () => {
    fc.assert(fc.property(fc.array(word), (words) => {
      expect(parseArgs(words)).toEqual({ _: words });
    }));
  });

  it("reads --name value and --name=value alike", () => {
    fc.assert(fc.property(name, word, (name, value) => {
      const expected = { _: [], [name]: value };
      expect(parseArgs([`--${name}`, value])).toEqual(expected);
      expect(parseArgs([`--${name}=${value}`])).toEqual(expected);
    }));
  });

  it("gives a string option its value untouched, whatever follows the equals sign", () => {
    fc.assert(fc.property(name, fc.string(), (name, value) => {
      expect(parseArgs([`--${name}=${value}`], { string: [name] })).toEqual({ _: [], [name]: value });
    }));
  });

  it("reads what looks like a number as one unless the option is a string", () => {
    fc.assert(fc.property(name, fc.integer(), (name, value) => {
      expect(parseArgs([`--${name}=${value}`])).toEqual({ _: [], [name]: value });
      expect(parseArgs([`--${name}=${value}`], { string: name })).toEqual({ _: [], [name]: String(value) });
    }));
    expect(parseArgs(["0x10", "1e3", "5"])).toEqual({ _: [16, 1000, 5] });
    expect(parseArgs(["0x10", "5"], { string: "_" })).toEqual({ _: ["0x10", "5"] });
  });

  it("takes the last of several values, and all of them where the option collects", () => {
    fc.assert(fc.property(name, fc.array(word, { minLength: 1 }), (name, values) => {
      const args = values.flatMap((value) => [`--${name}`, value]);
      expect(parseArgs(args)).toEqual({ _: [], [name]: values.at(-1) });
      expect(parseArgs(args, { collect: [name] })).toEqual({ _: [], [name]: values });
      expect(parseArgs(args, { collect: [name], string: [name] })).toEqual({ _: [], [name]: values });
    }));
    expect(parseArgs([], { collect: ["foo"], string: ["foo"] })).toEqual({ _: [], foo: [] });
  });

  it("sets declared booleans to false when they are absent, and never gives them a word", () => {
    expect(parseArgs(["--yes", "word"], { boolean: ["yes", "no"] })).toEqual({ _: ["word"], yes: true, no: false });
    expect(parseArgs(["--yes", "false", "word"], { boolean: "yes" })).toEqual({ _: ["word"], yes: false });
    expect(parseArgs(["--yes=false"], { boolean: "yes" })).toEqual({ _: [], yes: false });
    expect(parseArgs(["--a", "b", "--c=d"], { boolean: true })).toEqual({ _: ["b"], a: true, c: "d" });
  });

  it("negates only what is negatable", () => {
    const options = { boolean: ["color"], negatable: ["color"] };
    expect(parseArgs(["--no-color"], options)).toEqual({ _: [], color: false });
    expect(parseArgs(["--no-color", "--color"], options)).toEqual({ _: [], color: true });
    expect(parseArgs(["--no-other"], options)).toEqual({ _: [], color: false, "no-other": true });
  });

  it("sets every alias to the same value", () => {
    fc.assert(fc.property(name, word, (name, value) => {
      fc.pre(name !== "zz");
      const options = { alias: { [name]: ["z", "zz"] } };
      const expected = { _: [], [name]: value, z: value, zz: value };
      expect(parseArgs([`--${name}`, value], options)).toEqual(expected);
      expect(parseArgs(["-z", value], options)).toEqual(expected);
      expect(parseArgs(["--zz", value], options)).toEqual(expected);
    }));
  });

  it("uses defaults for what is absent, null among them", () => {
    const options = { boolean: ["yes"], default: { yes: null, port: 80 } };
    expect(parseArgs([], options)).toEqual({ _: [], yes: null, port: 80 });
    expect(parseArgs(["--yes", "--port", "81"], options)).toEqual({ _: [], yes: true, port: 81 });
  });

  it("leaves what follows -- alone", () => {
    fc.assert(fc.property(fc.array(fc.string()), (rest) => {
      expect(parseArgs(["--a", "--", ...rest])).toEqual({ _: rest, a: true });
      expect(parseArgs(["--a", "--", ...rest], { "--": true })).toEqual({ _: [], a: true, "--": rest });
    }));
  });

  it("asks about what is unknown, and leaves out what is refused", () => {
    const asked: unknown[] = [];
    const parsed = parseArgs(["--known", "x", "--bad=1", "-b", "word"], {
      string: ["known"],
      unknown: (argument: string, name?: string, value?: unknown) => {
        asked.push([argument, name, value]);
        return false;
      },
    });
    expect(parsed).toEqual({ _: [], known: "x" });
    expect(asked).toEqual([["--bad=1", "bad", "1"], ["-b", "b", "word"]]);
  });

  it("reads clusters of short options", () => {
    expect(parseArgs(["-xvf", "file"])).toEqual({ _: [], x: true, v: true, f: "file" });
    expect(parseArgs(["-n5", "-m=7", "-I/usr", "-e==", "-f-"])).toEqual({
      _: [],
      n: 5,
      m: 7,
      I: "/usr",
      e: "=",
      f: "-",
    });
    expect(parseArgs(["-art"], { string: ["a", "t"] })).toEqual({ _: [], a: "", r: true, t: "" });
    expect(parseArgs(["-"])).toEqual({ _: ["-"] });
    expect(parseArgs(["-n", "-"])).toEqual({ _: [], n: "-" });
  });

  it("does not take for a value what begins with a dash or is empty", () => {
    expect(parseArgs(["--port", "-1"], { string: ["port"] })).toEqual({ _: [], port: "", 1: true });
    expect(parseArgs(["--port", ""], { string: ["port"] })).toEqual({ _: [""], port: "" });
  });

  it("stops early where it is asked to", () => {
    expect(parseArgs(["--a", "b", "c", "--d"], { stopEarly: true })).toEqual({ _: ["c", "--d"], a: "b" });
  });

  it("nests names with dots and never touches a prototype", () => {
    expect(parseArgs(["--a.b", "1", "--a.c.d"], { default: { "x.y": 2 } })).toEqual({
      _: [],
      a: { b: 1, c: { d: true } },
      x: { y: 2 },
    });
    parseArgs(["--__proto__.polluted", "yes", "--constructor.prototype.polluted", "yes"]);
    expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false);
  });

  it("refuses an alias that is undefined", () => {
    const alias: Record<string, string> = JSON.parse("{}");
    Object.defineProperty(alias, "h", { value: undefined, enumerable: true });
    expect(() => parseArgs([], { alias })).toThrow("Alias value must be defined");
  });
});
