/**
 * A violation as a page of HTML that needs nothing else: a lane for each process, a bar for each operation, the
 * longest order found as numbers along a line, and what cannot be placed in red.
 *
 * @module
 */
import { describeOperation, describeViolation, type NameEvent } from "./describe.ts";
import type { Operation } from "./history.ts";
import type { Violation } from "./verdict.ts";

/** The most operations drawn: the last ones. */
const MOST = 150;
/** The width from one event to the next, enough for a short label, and that of a letter. */
const STEP = 96;
const LETTER = 6.2;
const LANE = 46;
/** Between an operation and the next one of its process. */
const GAP = 4;
const LEFT = 12;
const TOP = 14;

const STYLE = ":root{color-scheme:light dark;--page:#fff;--text:#1b1f24;--box:#f4f5f7;--line:#d5d9de;--lane:#e3e6ea;" +
  "--plain:#cfe3f7;--plain-edge:#5b8fc0;--placed:#cdeccf;--placed-edge:#3d8a46;--conflict:#ffe2b3;" +
  "--conflict-edge:#b97a08;--culprit:#f9c0bd;--culprit-edge:#c7352d;--order:#2f7a38}" +
  "@media(prefers-color-scheme:dark){:root{--page:#15181c;--text:#e4e7ea;--box:#1f242a;--line:#3a4149;--lane:#2a3037;" +
  "--plain:#1d3a57;--plain-edge:#6fa3d4;--placed:#1d4325;--placed-edge:#5fb46b;--conflict:#553c0c;" +
  "--conflict-edge:#e0a63a;--culprit:#5e1e1b;--culprit-edge:#ff7a72;--order:#7fd48b}}" +
  "body{font:14px/1.5 system-ui,sans-serif;margin:24px;color:var(--text);background:var(--page)}" +
  "h1{font-size:22px;overflow-wrap:anywhere}pre{background:var(--box);padding:12px;overflow:auto}" +
  ".lanes{display:flex;border:1px solid var(--line)}.names{flex:none;padding-right:8px;border-right:1px solid var(--line)}" +
  // The end matters: a box whose writing runs from right to left is shown from its right end on.
  ".scroll{overflow-x:auto;direction:rtl;flex:auto}.scroll svg{direction:ltr}" +
  "svg{display:block;font:11px system-ui,sans-serif}text{fill:var(--text)}.lane{stroke:var(--lane)}" +
  "rect{fill:var(--plain);stroke:var(--plain-edge)}.placed{fill:var(--placed);stroke:var(--placed-edge)}" +
  ".conflict{fill:var(--conflict);stroke:var(--conflict-edge);stroke-width:2}" +
  ".culprit{fill:var(--culprit);stroke:var(--culprit-edge);stroke-width:2}" +
  ".unknown{stroke-dasharray:4 3;fill-opacity:.55}" +
  ".order{fill:none;stroke:var(--order);stroke-width:1.5;opacity:.6}.dot{fill:var(--order)}" +
  ".key{display:flex;flex-wrap:wrap;gap:6px 14px}.key svg{display:inline;vertical-align:-3px;margin-right:5px}";

const KEY = [
  ["placed", "has a place in the longest order: #1 is its first, and the line follows it"],
  ["culprit", "cannot be placed"],
  ["conflict", "conflicts with it"],
  ["unknown", "outcome unknown"],
].map(([kind, meaning]) =>
  `<span><svg width="26" height="14"><rect class="${kind}" x="1" y="1" width="24" height="12" rx="3"/></svg>${meaning}</span>`
).join("");

/** Draws a violation. `title` is the name of the history. */
export function drawViolation(title: string, violation: Violation, nameEvent?: NameEvent): string {
  const text = describeViolation(violation, nameEvent).join("\n");
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${
    escape(title)
  }: not linearizable</title><style>${STYLE}</style></head>
<body>
<h1>${escape(title)}: not linearizable</h1>
<pre>${escape(text)}</pre>
<p class="key">${KEY}</p>
${draw(violation)}
</body>
</html>
`;
}

function draw({ operations, culprit, conflict, order, lastEvent }: Violation): string {
  // What matters is what ended last, what it conflicts with, and what never ended.
  const recent = [...operations].sort((a, b) => endOf(a, lastEvent) - endOf(b, lastEvent)).slice(-MOST);
  const drawn = [...new Set([...recent, ...conflict])].sort((a, b) => a.invoke - b.invoke);
  const moments = [...new Set(drawn.flatMap((each) => [each.invoke, endOf(each, lastEvent)]))].sort((a, b) => a - b);
  const columns = new Map(moments.map((event, i) => [event, LEFT + i * STEP]));
  const lanes = new Map(
    [...new Set(drawn.map(({ process }) => process))].sort((a, b) => a - b).map((process, i) => [
      process,
      TOP + i * LANE,
    ]),
  );
  const width = LEFT + moments.length * STEP + 40;
  const height = TOP + lanes.size * LANE + 10;
  const places = new Map(order.map(({ operation }, i) => [operation.invoke, i + 1]));
  const names = [...lanes].map(([process, y]) => `<text x="8" y="${y + 19}">process ${process}</text>`).join("");
  const longest = Math.max(...[...lanes.keys()].map((process) => `process ${process}`.length));
  const parts = [...lanes.values()].map((y) =>
    `<line class="lane" x1="0" x2="${width}" y1="${y + 34}" y2="${y + 34}"/>`
  );
  const conflicting = new Set(conflict.map(({ invoke }) => invoke));
  for (const each of drawn) {
    const from = columns.get(each.invoke)!;
    const to = each.outcome === "unknown" ? width - 10 : columns.get(endOf(each, lastEvent))!;
    const y = lanes.get(each.process)!;
    const place = places.get(each.invoke);
    const kind = each.invoke === culprit.invoke
      ? "culprit"
      : conflicting.has(each.invoke)
      ? "conflict"
      : place === undefined
      ? ""
      : "placed";
    const what = describeOperation(each);
    const label = (place === undefined ? "" : `#${place} `) +
      shorten(what, Math.floor((to - from - 14) / LETTER) - (place === undefined ? 0 : `#${place} `.length));
    parts.push(
      `<g><title>${escape(`process ${each.process}: ${what}`)}</title>` +
        `<rect class="${kind}${each.outcome === "unknown" ? " unknown" : ""}" x="${from}" y="${y + 4}" width="${
          to - from - GAP
        }" height="22" rx="3"/><text x="${from + 4}" y="${y + 19}">${escape(label)}</text></g>`,
    );
  }
  const picture = `${parts.join("")}${path(order, columns, lanes)}`;
  return `<div class="lanes"><div class="names"><svg width="${
    Math.ceil(16 + longest * LETTER)
  }" height="${height}">${names}</svg></div><div class="scroll"><svg width="${width}" height="${height}" role="img">${picture}</svg></div></div>`;
}

/** The line through the operations in their order: each as early as it can be after the one before. */
function path(
  order: Violation["order"],
  columns: ReadonlyMap<number, number>,
  lanes: ReadonlyMap<number, number>,
): string {
  let x = 0;
  const points: string[] = [];
  const dots: string[] = [];
  for (const { operation } of order) {
    const from = columns.get(operation.invoke);
    if (from === undefined) continue;
    x = Math.max(x + 3, from + 3);
    const y = lanes.get(operation.process)! + 28;
    points.push(`${x},${y}`);
    dots.push(`<circle class="dot" cx="${x}" cy="${y}" r="2.5"/>`);
  }
  return `<polyline class="order" points="${points.join(" ")}"/>${dots.join("")}`;
}

function endOf({ complete, outcome }: Operation, lastEvent: number): number {
  return complete === null || outcome === "unknown" ? lastEvent : complete;
}

function shorten(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, Math.max(0, most - 1))}…` : text;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}
