/**
 * The snapshots that have to hear of a change before it happens. Two can be under way at once: the one that lets the log
 * go, and the one that an operator takes away.
 *
 * @module
 */

/** Who is told. Empty nearly always, which is what the path of a write looks at. */
export class Captures<Capture> {
  /** In the order in which they came. */
  all: readonly Capture[] = [];

  /** Tells `capture` from now on. */
  add(capture: Capture): void {
    this.all = [...this.all, capture];
  }

  /** Tells it no more. */
  remove(capture: Capture): void {
    this.all = this.all.filter((each) => each !== capture);
  }
}
