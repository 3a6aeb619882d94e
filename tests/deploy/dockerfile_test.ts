import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { environmentName } from "../../cli/flags.ts";
import { FLAGS, KVSERVER } from "../../cli/kvserver/table.ts";
import { HTTP_PORT_OFFSET } from "../../cli/kvserver/settings.ts";
import { VERSION } from "../../src/version.ts";
import { execForm, readDockerfile, ROOT } from "./support/dockerfile.ts";
import { lineOf, strangers } from "./support/programs.ts";

const IGNORED = readFileSync(new URL(".dockerignore", ROOT), "utf8").split("\n").filter((line) => line !== "");

describe.each([["server", "kvserver"], ["client", "kvclient"]])("Dockerfile.%s", (name, program) => {
  const file = readDockerfile(`Dockerfile.${name}`);
  const [build, image] = [file.stages[0]!, file.stages.at(-1)!];
  const all = file.stages.flat();
  const only = (keyword: string): string => {
    const found = image.filter((step) => step.keyword === keyword);
    expect(found.length, keyword).toBe(1);
    return found[0]!.text;
  };

  it("builds in one stage, and copies what was built into another in which nothing runs", () => {
    expect(file.stages.length).toBe(2);
    expect(image.filter(({ keyword }) => keyword === "RUN")).toEqual([]);
    const copies = image.filter(({ keyword }) => keyword === "COPY");
    expect(copies.length).toBeGreaterThan(0);
    for (const { text } of copies) expect(text).toContain("--from=build");
  });

  it("stands on bases of one version each, which can be given otherwise", () => {
    for (const stage of file.stages) {
      const base = /^\$\{(\w+)\}/.exec(stage[0]!.text)?.[1];
      expect(file.args.get(base ?? ""), stage[0]!.text).toMatch(
        /^[a-z.]+:\d+\.\d+(\.\d+)?(-[a-z0-9-]+)?(@sha256:[0-9a-f]{64})?$/,
      );
    }
  });

  it("installs what the lock file says, fetches nothing else, and keeps no secret", () => {
    for (const { keyword, text } of all) {
      expect(["ADD", "MAINTAINER", "SHELL", "ONBUILD"]).not.toContain(keyword);
      expect(text).not.toMatch(/curl|wget|npm install|apt-get|sudo|latest|chmod 777/);
      if (keyword === "ENV" || keyword === "ARG") expect(text).not.toMatch(/password|secret|token/i);
    }
    expect(build.some(({ keyword, text }) => keyword === "RUN" && text.startsWith("npm ci "))).toBe(true);
  });

  it("copies what is there, after the lock file was used, and what .dockerignore lets through", () => {
    const copies = build.filter(({ keyword }) => keyword === "COPY");
    for (const { words } of copies) {
      for (const source of words.slice(0, -1)) {
        expect(existsSync(new URL(source, ROOT)), source).toBe(true);
        expect(IGNORED).toContain(`!${source.replace(/^\.\//, "")}`);
      }
    }
    const installs = build.findIndex(({ text }) => text.startsWith("npm ci"));
    // A change of the sources does not install everything again.
    expect(build.findIndex(({ keyword, words }) => keyword === "COPY" && words[0] === "src")).toBeGreaterThan(installs);
  });

  it("runs as a user that has a number and is not root", () => {
    expect(only("USER")).toMatch(/^[1-9]\d{3,}:[1-9]\d{3,}$/);
    for (const { text } of image.filter(({ text }) => text.includes("--chown"))) {
      expect(text).toContain(`--chown=${only("USER")}`);
    }
  });

  it("starts its program, without a shell", () => {
    const [path, ...args] = execForm(only("ENTRYPOINT"));
    expect([path, args]).toEqual([`/usr/local/bin/${program}`, []]);
    const title = image.find(({ keyword, text }) => keyword === "LABEL" && text.includes(`title="${program}"`));
    expect(title).toBeDefined();
  });

  it("is checked by kvclient health, with flags that there are", () => {
    const text = only("HEALTHCHECK");
    const [path, ...args] = execForm(text);
    expect(path).toBe("/usr/local/bin/kvclient");
    const line = lineOf("kvclient", args);
    expect(line.command.name).toBe("health");
    // The program gives up before it is given up.
    const timeout_s = Number(/--timeout=(\d+)s/.exec(text)![1]);
    const own = Number(/"--timeout", "(\d+)s"/.exec(text)![1]);
    expect(own).toBeLessThan(timeout_s);
  });

  it("builds what .ci/build.mjs builds", () => {
    const what = build.flatMap(({ text }) => /node \.ci\/build\.mjs (\w+)/.exec(text)?.[1] ?? []);
    expect(what).toEqual([name === "server" ? "both" : "kvclient"]);
    expect(existsSync(new URL(`cli/${what[0]}/main.ts`, ROOT))).toBe(true);
  });

  it("has the version of the program in its example", () => {
    expect(readFileSync(new URL(`deploy/Dockerfile.${name}`, ROOT), "utf8")).toContain(`${program}:${VERSION} `);
  });
});

describe("Dockerfile.server", () => {
  const { env, stages } = readDockerfile("Dockerfile.server");

  it("sets variables that there are, to values that they take", () => {
    expect(strangers(env)).toEqual([]);
    const line = lineOf("kvserver", [], env);
    expect([line.get(FLAGS.host), line.get(FLAGS.dataDir)]).toEqual(["0.0.0.0", "/data"]);
    expect(environmentName(KVSERVER, FLAGS.host) in env).toBe(true);
    expect(stages.at(-1)!.find(({ keyword }) => keyword === "VOLUME")!.text).toBe(
      JSON.stringify([line.get(FLAGS.dataDir)]),
    );
  });

  it("exposes the ports that the program listens on by itself", () => {
    const port = FLAGS.port.fallback;
    const exposed = stages.at(-1)!.find(({ keyword }) => keyword === "EXPOSE")!.words;
    expect([...exposed].sort()).toEqual([`${port}/tcp`, `${port}/udp`, `${port + HTTP_PORT_OFFSET}/tcp`].sort());
  });
});
