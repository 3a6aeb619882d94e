import { defineConfig, type ViteUserConfig } from "vitest/config";

const config: ViteUserConfig = defineConfig({
  root: new URL("..", import.meta.url).pathname,
  test: {
    include: ["tests/**/*_test.ts"],
    // Bun runs vitest's forks as Node processes would be run; threads are what works there.
    pool: "Bun" in globalThis ? "threads" : "forks",
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});

export default config;
