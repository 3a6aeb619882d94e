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
const MOST = 400;
const STEP = 34;
const LANE = 46;
const LEFT = 90;
const TOP = 30;

const STYLE = "body{font:14px/1.5 system-ui,sans-serif;margin:24px;color:#1b1f24;background:#fff}" +
  "pre{background:#f4f5f7;padding:12px;overflow:auto}.scroll{overflow-x:auto;border:1px solid #d5d9de}" +
  "svg{display:block;font:11px system-ui,sans-serif}.lane{stroke:#e3e6ea}rect{fill:#cfe3f7;stroke:#5b8fc0}" +
  ".placed{fill:#cdeccf;stroke:#4d9a55}.conflict{fill:#ffe2b3;stroke:#c98812}" +
  ".culprit{fill:#f9c0bd;stroke:#c7352d;stroke-width:2}" +
  ".unknown{stroke-dasharray:4 3;fill-opacity:.55}.order{fill:none;stroke:#4d9a55;stroke-width:1.5;opacity:.6}" +
  ".dot{fill:#2f7a38}.key span{display:inline-block;padding:0 8px;margin-right:8px;border:1px solid}";

/** Draws a violation. `title` is the name of the history. */
export function drawViolation(title: string, violation: Violation, nameEvent?: NameEvent): string {
  const text = describeViolation(violation, nameEvent).join("\n");
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>${escape(title)}: not linearizable</title><style>${STYLE}</style></head>
<body>
<h1>${escape(title)}: not linearizable</h1>
<pre>${escape(text)}</pre>
<p class="key"><span style="background:#cdeccf">placed, by number in the order</span><span style="background:#f9c0bd">cannot be placed</span><span style="background:#ffe2b3">conflicts with it</span><span style="border-style:dashed">outcome unknown</span></p>
<div class="scroll">${draw(violation)}</div>
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
  const parts = [...lanes].map(([process, y]) =>
    `<line class="lane" x1="0" x2="${width}" y1="${y + 30}" y2="${y + 30}"/><text x="8" y="${
      y + 20
    }">process ${process}</text>`
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
      shorten(what, Math.max(4, Math.floor((to - from) / 6) - 2));
    parts.push(
      `<g><title>${escape(`process ${each.process}: ${what}`)}</title>` +
        `<rect class="${kind}${each.outcome === "unknown" ? " unknown" : ""}" x="${from}" y="${y + 4}" width="${
          Math.max(to - from, 8)
        }" height="22" rx="3"/><text x="${from + 4}" y="${y + 19}">${escape(label)}</text></g>`,
    );
  }
  return `<svg width="${width}" height="${height}" role="img">${parts.join("")}${path(order, columns, lanes)}</svg>`;
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
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}
