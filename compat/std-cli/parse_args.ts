/**
 * `parseArgs` as JSR's `@std/cli/parse-args` has it, for package managers that cannot reach JSR: the same
 * arguments and options give the same result, quirks included, so that either package can stand here.
 *
 * What it leaves out is type inference: the real one computes a type for each option from the options given;
 * here every option is `unknown`, which code written for the narrower types of the real one must check.
 *
 * `node:util`'s `parseArgs` is not underneath, because it disagrees on what the documentation of the real one
 * promises: numbers, `--no-x` only where asked for, clusters such as `-n5`, values of undeclared options.
 *
 * @module
 */

/** What {@link parseArgs} returns. */
export interface Args {
  /** One property for each option seen, each alias of it, each default, and each declared boolean. */
  [name: string]: unknown;
  /** The arguments that belong to no option. Numeric ones are numbers unless `"_"` is among the strings. */
  _: Array<string | number>;
  /** With the option `"--"`: the arguments after the first `--`. */
  "--"?: string[];
}

/** How {@link parseArgs} is to read the arguments. */
export interface ParseOptions {
  /** Whether what follows `--` is kept apart, in the result's `"--"`, instead of in `_`. @default {false} */
  "--"?: boolean | undefined;
  /** Other names of options. @default {{}} */
  alias?: Readonly<Record<string, string | readonly string[]>> | undefined;
  /** Options that take no value; false when absent. `true` makes every `--name` without `=` one. @default {false} */
  boolean?: boolean | string | readonly string[] | undefined;
  /** Values of options that are not given. Dots in names nest. @default {{}} */
  default?: Readonly<Record<string, unknown>> | undefined;
  /** Whether everything after the first argument that belongs to no option is left alone. @default {false} */
  stopEarly?: boolean | undefined;
  /** Options whose values are never read as numbers. @default {[]} */
  string?: string | readonly string[] | undefined;
  /** Options that may be repeated: their values come as an array. @default {[]} */
  collect?: string | readonly string[] | undefined;
  /** Options that `--no-NAME` sets to false. @default {[]} */
  negatable?: string | readonly string[] | undefined;
  /**
   * Called for what is not declared, options (with name and value) and others; what it returns `false` for is
   * left out of the result.
   */
  unknown?:
    | ((argument: string, name?: string, value?: unknown) => unknown)
    | undefined;
}

type Value = string | number | boolean;
type Nested = Record<string, unknown>;

const LONG = /^--(no-)?(.+?)(?:=(.*))?$/s;
const LETTER = /[A-Za-z]/;
const ENDS_AS_NUMBER = /-?\d+(?:\.\d*)?(?:e-?\d+)?$/;
const LOOKS_LIKE_OPTION = /^--?[^-]/;

/**
 * Reads command line arguments.
 *
 * `--name value`, `--name=value`, `-n value`, `-n=value`, `-n5` and clusters such as `-xvf file` are options,
 * declared or not; an option without a value is `true` (a string one `""`); a value that looks like a number
 * becomes one unless the option is a string. The last of several wins unless the option collects.
 *
 * @example
 * ```ts
 * import { parseArgs } from "@std/cli/parse-args";
 *
 * const args = parseArgs(["--port", "80", "--verbose", "file"], { string: ["port"], boolean: ["verbose"] });
 * console.assert(args["port"] === "80" && args["verbose"] === true && args._[0] === "file");
 * ```
 *
 * @throws {TypeError} when an alias is undefined
 */
export function parseArgs(
  args: readonly string[],
  options: ParseOptions = {},
): Args {
  const separator = args.indexOf("--");
  const before = separator < 0 ? args : args.slice(0, separator);
  const after = separator < 0 ? [] : args.slice(separator + 1);
  const reader = new Reader(options);
  reader.read(before);
  return reader.finish(after, options["--"] === true);
}

/** One run of {@link parseArgs}: what is declared, and the result as it grows. */
class Reader {
  readonly #options: ParseOptions;
  /** For each name with aliases, the others. */
  readonly #others: ReadonlyMap<string, ReadonlySet<string>>;
  readonly #booleans: ReadonlySet<string>;
  readonly #strings: ReadonlySet<string>;
  readonly #collected: ReadonlySet<string>;
  readonly #negatable: ReadonlySet<string>;
  readonly #everyLongIsBoolean: boolean;
  readonly #result: Args = { _: [] };

  constructor(options: ParseOptions) {
    this.#options = options;
    this.#others = aliasGroups(options.alias ?? {});
    this.#everyLongIsBoolean = options.boolean === true;
    this.#booleans = this.#withAliases(
      typeof options.boolean === "boolean" ? undefined : options.boolean,
    );
    this.#strings = this.#withAliases(options.string);
    this.#collected = this.#withAliases(options.collect);
    this.#negatable = this.#withAliases(options.negatable);
  }

  read(args: readonly string[]): void {
    for (let i = 0; i < args.length; i++) {
      const argument = args[i]!;
      const next = args[i + 1];
      if (argument.startsWith("--") && argument.length > 2) {
        if (this.#readLong(argument, next)) i++;
      } else if (argument.startsWith("-") && argument.length > 1) {
        if (this.#readCluster(argument, next)) i++;
      } else {
        if (this.#options.unknown?.(argument) !== false) {
          this.#result._.push(
            this.#strings.has("_") ? argument : numberIfNumeric(argument),
          );
        }
        if (this.#options.stopEarly === true) {
          this.#result._.push(...args.slice(i + 1));
          return;
        }
      }
    }
  }

  finish(after: readonly string[], keepApart: boolean): Args {
    const result = this.#result;
    for (const [name, value] of Object.entries(this.#options.default ?? {})) {
      if (has(result, name)) continue;
      for (const each of [name, ...this.#others.get(name) ?? []]) {
        place(result, each, value, false);
      }
    }
    for (const name of this.#booleans) {
      if (!has(result, name)) {
        place(result, name, this.#collected.has(name) ? [] : false, false);
      }
    }
    for (const name of this.#strings) {
      if (this.#collected.has(name) && !has(result, name)) {
        place(result, name, [], false);
      }
    }
    if (keepApart) result["--"] = [...after];
    else result._.push(...after);
    return result;
  }

  /** Reads `--…`; returns whether it took the next argument as its value. */
  #readLong(argument: string, next: string | undefined): boolean {
    const [, no, rest, value] = LONG.exec(argument)!;
    const name = rest!;
    if (value !== undefined) {
      this.#set(
        name,
        this.#booleans.has(name) ? value !== "false" : value,
        argument,
      );
      return false;
    }
    if (no !== undefined && this.#negatable.has(name)) {
      this.#set(name, false, argument, false);
      return false;
    }
    const whole = (no ?? "") + name;
    const takes = !this.#everyLongIsBoolean && next !== undefined &&
      !next.startsWith("-");
    return this.#setFromNext(whole, argument, next, takes);
  }

  /** Reads `-…`; returns whether it took the next argument as its value. */
  #readCluster(argument: string, next: string | undefined): boolean {
    for (let i = 1; i < argument.length - 1; i++) {
      const letter = argument.charAt(i);
      const rest = argument.slice(i + 1);
      if (rest === "-") {
        this.#set(letter, rest, argument);
        continue;
      }
      const value = attachedValue(letter, rest);
      if (value !== null) {
        this.#set(letter, value, argument);
        return false;
      }
      this.#set(letter, this.#strings.has(letter) ? "" : true, argument);
    }
    const last = argument.slice(-1);
    if (last === "-") return false;
    return this.#setFromNext(
      last,
      argument,
      next,
      next !== undefined && !LOOKS_LIKE_OPTION.test(next),
    );
  }

  /**
   * Sets an option that has no value of its own: to the next argument where it `takes` one, or where that says
   * true or false. Returns whether it took it. An empty argument is never taken.
   */
  #setFromNext(
    name: string,
    argument: string,
    next: string | undefined,
    takes: boolean,
  ): boolean {
    if (next !== undefined && next !== "") {
      if (takes && !this.#isBoolean(name)) {
        this.#set(name, next, argument);
        return true;
      }
      if (next === "true" || next === "false") {
        this.#set(name, next === "true", argument);
        return true;
      }
    }
    this.#set(name, this.#strings.has(name) ? "" : true, argument);
    return false;
  }

  #set(name: string, value: Value, argument: string, collects = true): void {
    if (
      !this.#isDeclared(name, argument) &&
      this.#options.unknown?.(argument, name, value) === false
    ) return;
    const stored = typeof value === "string" && !this.#strings.has(name) ? numberIfNumeric(value) : value;
    const collected = collects && this.#collected.has(name);
    for (const each of [name, ...this.#others.get(name) ?? []]) {
      place(this.#result, each, stored, collected);
    }
  }

  #isDeclared(name: string, argument: string): boolean {
    return this.#booleans.has(name) || this.#strings.has(name) ||
      this.#others.has(name) ||
      this.#collected.has(name) ||
      (this.#everyLongIsBoolean && /^--[^=]+$/.test(argument));
  }

  #isBoolean(name: string): boolean {
    if (this.#booleans.has(name)) return true;
    for (const other of this.#others.get(name) ?? []) {
      if (this.#booleans.has(other)) return true;
    }
    return false;
  }

  #withAliases(
    names: string | readonly string[] | undefined,
  ): ReadonlySet<string> {
    const all = new Set<string>();
    for (const name of typeof names === "string" ? [names] : names ?? []) {
      if (name === "") continue;
      all.add(name);
      for (const other of this.#others.get(name) ?? []) all.add(other);
    }
    return all;
  }
}

function aliasGroups(
  alias: Readonly<Record<string, string | readonly string[] | undefined>>,
): Map<string, Set<string>> {
  const groups = new Map<string, Set<string>>();
  for (const [name, value] of Object.entries(alias)) {
    if (value === undefined) throw new TypeError("Alias value must be defined");
    const names = typeof value === "string" ? [value] : value;
    groups.set(name, new Set(names));
    for (const each of names) {
      groups.set(
        each,
        new Set([name, ...names.filter((other) => other !== each)]),
      );
    }
  }
  return groups;
}

/** The value that follows a letter inside its own argument (`-n=5`, `-n5`, `-I/usr`), or null when it has none. */
function attachedValue(letter: string, rest: string): string | null {
  if (rest === "=") return "";
  if (LETTER.test(letter)) {
    const value = /=(.+)/.exec(rest)?.[1];
    if (value !== undefined) return value;
    if (ENDS_AS_NUMBER.test(rest)) return rest;
  }
  return rest.length > 1 && /\W/.test(rest.charAt(0)) ? rest : null;
}

function numberIfNumeric(text: string): string | number {
  return /\S/.test(text) && Number.isFinite(Number(text)) ? Number(text) : text;
}

/** Whether setting this key could reach an object's prototype. */
function isUnsafe(target: Nested, key: string): boolean {
  return key === "__proto__" ||
    (key === "constructor" && typeof target[key] === "function");
}

/** Sets `name`, whose dots nest, to `value`, or adds `value` to the array there. */
function place(
  target: Nested,
  name: string,
  value: unknown,
  collects: boolean,
): void {
  const path = name.split(".");
  const key = path.pop()!;
  for (const step of path) {
    if (isUnsafe(target, step)) return;
    target = (target[step] ??= {}) as Nested;
  }
  if (isUnsafe(target, key)) return;
  const present = target[key];
  if (!collects) target[key] = value;
  else if (Array.isArray(present)) present.push(value);
  else target[key] = present ? [present, value] : [value];
}

function has(target: Nested, name: string): boolean {
  for (const step of name.split(".")) {
    if (!Object.hasOwn(target, step)) return false;
    target = target[step] as Nested;
  }
  return true;
}
