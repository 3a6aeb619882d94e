/**
 * One subject of a live check with its history, which can be judged by itself: linearizability is local (Herlihy and
 * Wing).
 *
 * @module
 */
import { checkHistory } from "../checker/check.ts";
import { type HistoryEvent, pairEvents } from "../checker/history.ts";
import type { Model } from "../checker/model.ts";
import type { Limits, Verdict } from "../checker/verdict.ts";
import type { Course } from "./kind.ts";

/** A register, a counter, a list or a bank, and all that happened to it. */
export class Subject {
  readonly name: string;
  readonly course: Course;
  readonly events: HistoryEvent[] = [];
  /** For each event its number among the events of the whole check, from 1 on. */
  readonly numbers: number[] = [];
  /** How many operations were begun, are under way, and have an unknown outcome. */
  begun = 0;
  open = 0;
  unknown = 0;
  /** Whether no more operations are to begin. */
  isRetired = false;
  /** Whether its last operation is under way or done. */
  isClosing = false;

  constructor(name: string, course: Course) {
    this.name = name;
    this.course = course;
  }

  /** Takes an event, which is the `number`th of the whole check. */
  add(event: HistoryEvent, number: number): void {
    this.events.push(event);
    this.numbers.push(number);
    if (event.type === "invoke") {
      this.begun++;
      this.open++;
      return;
    }
    this.open--;
    if (event.type === "info") this.unknown++;
  }

  /** What the checker says of everything so far. */
  judge(model: Model, limits: Limits): Verdict {
    return checkHistory(pairEvents(this.events), model, limits);
  }

  /** How an event of this subject is named to people: by its place in the whole history, and its time. */
  nameEvent(event: number): string {
    return `event ${this.numbers[event]} at ${(this.events[event]!.time / 1e9).toFixed(6)} s`;
  }
}
