import { availableParallelism } from "node:os";
import { defineConfig, type ViteUserConfig } from "vitest/config";

// The tests of processes, of the tree itself, of what is deployed, of deliberate bugs, and runs of the simulator (whose
// traces are compared between the runtimes) do not depend on the runtime that the suite runs on: once is enough.
const isNode = !("Bun" in globalThis) && !("Deno" in globalThis);

const config: ViteUserConfig = defineConfig({
  root: new URL("..", import.meta.url).pathname,
  test: {
    include: ["tests/**/*_test.ts"],
    // No test may have a secret logged: what is said is kept, and searched when all is over.
    globalSetup: ["tests/support/secrets/search_suite.ts"],
    setupFiles: ["tests/support/secrets/keep_said.ts"],
    exclude: isNode ? [] : [
      "tests/e2e/**",
      "tests/architecture/**",
      "tests/deploy/**",
      "tests/mutants/**",
      "tests/sim/{run,scenarios,world}/**",
      "tests/cli/{simulate,compare}_test.ts",
    ],
    // Bun runs vitest's forks as Node processes would be run; threads are what works there.
    pool: "Bun" in globalThis ? "threads" : "forks",
    // Tests of processes mostly wait: on a machine with two cores they go on beside the others.
    maxWorkers: Math.max(isNode ? 4 : 3, availableParallelism() - 1),
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});

export default config;
