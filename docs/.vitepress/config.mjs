// The documents as a site: npm run docs. The pages are those of this folder; the order is that in which to read them.
import { existsSync } from "node:fs";

const guide = [
  ["Quick start", "/quick_start"],
  ["What is promised", "/guarantees"],
  ["Comparison", "/comparison"],
];
const running = [
  ["Operations", "/operations"],
  ["Security", "/security"],
  ["Observability", "/observability"],
  ["Command line", "/command_line"],
  ["Errors", "/errors"],
];
const inside = [
  ["Architecture", "/architecture"],
  ["Protocol", "/protocol"],
  ["Multi-Paxos", "/paxos"],
  ["Two-phase commit", "/two_phase_commit"],
];
const proof = [
  ["Simulation", "/simulation"],
  ["Reliability", "/reliability"],
  ["Performance", "/performance"],
];

/** The pages that are there. */
const items = (pages) =>
  pages.filter(([, link]) => existsSync(new URL(`..${link}.md`, import.meta.url)))
    .map(([text, link]) => ({ text, link }));

export default {
  title: "kvpaxos",
  description: "A strongly consistent replicated key-value store in TypeScript",
  outDir: "../dist/docs",
  cacheDir: "../dist/.docs-cache",
  lastUpdated: false,
  themeConfig: {
    search: { provider: "local" },
    outline: [2, 3],
    sidebar: [
      { text: "Guide", items: items(guide) },
      { text: "Running it", items: items(running) },
      { text: "How it works", items: items(inside) },
      { text: "How it is proved", items: items(proof) },
    ],
  },
};
