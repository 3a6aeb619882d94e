/**
 * A lint plugin for the rooms that must stay deterministic: in `src/core` and `src/ports` no clock, randomness,
 * timer, runtime global or `await`; in `src/log`, `src/client`, `src/codec` and `src/sim` the same but for
 * `await`. Time, chance and I/O come in through ports.
 */
const FORBIDDEN_MEMBERS: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ["Date", new Set(["now"])],
  ["Math", new Set(["random"])],
  ["performance", new Set(["now"])],
  ["crypto", new Set(["getRandomValues", "randomUUID"])],
]);
const FORBIDDEN_CALLS: ReadonlySet<string> = new Set([
  "setTimeout",
  "setInterval",
  "setImmediate",
  "queueMicrotask",
  "fetch",
]);
const FORBIDDEN_GLOBALS: ReadonlySet<string> = new Set(["process", "Deno", "Bun", "Buffer"]);

const PURE = /\/src\/(core|ports|log|client|codec|sim)\//;
const NO_AWAIT = /\/src\/(core|ports)\//;
/** The one file that looks for what a runtime offers, with a portable fallback for each. */
const EXEMPT = /\/src\/codec\/runtime\.ts$/;

const plugin: Deno.lint.Plugin = {
  name: "purity",
  rules: {
    "deterministic-core": {
      create(context) {
        const file = context.filename.replaceAll("\\", "/");
        if (!PURE.test(file) || EXEMPT.test(file)) return {};
        const report = (node: Deno.lint.Node, what: string): void => {
          context.report({ node, message: `${what} is banned here: time, chance and I/O come in through src/ports` });
        };
        return {
          MemberExpression(node): void {
            const { object, property } = node;
            if (object.type !== "Identifier") return;
            if (FORBIDDEN_GLOBALS.has(object.name)) report(node, object.name);
            if (property.type === "Identifier" && FORBIDDEN_MEMBERS.get(object.name)?.has(property.name)) {
              report(node, `${object.name}.${property.name}`);
            }
          },
          CallExpression(node): void {
            if (node.callee.type === "Identifier" && FORBIDDEN_CALLS.has(node.callee.name)) {
              report(node, `${node.callee.name}()`);
            }
          },
          NewExpression(node): void {
            const named = node.callee.type === "Identifier" ? node.callee.name : "";
            if (named === "Date" && node.arguments.length === 0) report(node, "new Date()");
          },
          ImportDeclaration(node): void {
            if (node.source.value.startsWith("node:")) report(node, node.source.value);
          },
          AwaitExpression(node): void {
            if (NO_AWAIT.test(file)) report(node, "await");
          },
        };
      },
    },
  },
};

export default plugin;
