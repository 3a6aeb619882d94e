/**
 * What is going to happen, in order of virtual time.
 *
 * Invariant: events of the same time come in the order in which they were added, so that one seed gives one order
 * on every runtime.
 *
 * @module
 */

/** Something that is going to happen at `at_us` microseconds of virtual time. */
export interface QueuedEvent {
  /** When, in whole microseconds of virtual time. */
  readonly at_us: number;
  /** Which of the events of one time comes first. */
  readonly sequence: number;
  /** What happens; null once it is cancelled. */
  run: (() => void) | null;
}

/** A binary heap of events, ordered by (time, sequence). */
export class EventQueue {
  #heap: QueuedEvent[] = [];
  #sequence = 0;

  /** How many events wait, cancelled ones included. */
  get size(): number {
    return this.#heap.length;
  }

  /** Adds an event. Set its `run` to null to cancel it. */
  add(at_us: number, run: () => void): QueuedEvent {
    const event: QueuedEvent = { at_us, sequence: this.#sequence++, run };
    const heap = this.#heap;
    let index = heap.length;
    heap.push(event);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent]!;
      if (above.at_us <= at_us) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = event;
    return event;
  }

  /** When the next event is that was not cancelled; infinity when there is none. */
  get next_us(): number {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined) return Number.POSITIVE_INFINITY;
      if (first.run !== null) return first.at_us;
      this.pop();
    }
  }

  /** Takes the first event, which may have been cancelled. */
  pop(): QueuedEvent | null {
    const heap = this.#heap;
    const first = heap[0];
    if (first === undefined) return null;
    const last = heap.pop()!;
    const size = heap.length;
    if (size === 0) return first;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= size) break;
      const right = child + 1;
      if (right < size && isBefore(heap[right]!, heap[child]!)) child = right;
      if (!isBefore(heap[child]!, last)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
    return first;
  }
}

function isBefore(a: QueuedEvent, b: QueuedEvent): boolean {
  return a.at_us < b.at_us || (a.at_us === b.at_us && a.sequence < b.sequence);
}
