import { expect, it } from "vitest";
import { keyFromText } from "../../src/codec/bytes.ts";
import type { TwoPhaseStatus } from "../../src/core/replication.ts";
import { oldestInDoubt_ms, twoPhasePage } from "../../src/server/two_phase_page.ts";

const NOTHING: TwoPhaseStatus = {
  id: 0,
  replicas: 3,
  unready: null,
  mayVote: true,
  missing: [],
  coordinating: 0,
  inDoubt: [],
  waiting: [],
};

it("names keys as text and the oldest transactions first, and bounds both", () => {
  const inDoubt = Array.from({ length: 250 }, (_, at) => {
    return { transaction: `1.1.${at}`, coordinator: 0, age_ms: at, keys: [keyFromText(`ключ ${at}`)] };
  });
  const many = Array.from({ length: 30 }, (_, at) => keyFromText(String(at)));
  const waiting = [{ transaction: "2.1.1", coordinator: 1, age_ms: 5, keys: many, waitsFor: ["1.1.0"] }];
  const page = twoPhasePage({ ...NOTHING, inDoubt, waiting });
  expect(page).toMatchObject({ role: "participant", inDoubtCount: 250, waitingCount: 1 });
  expect(page.inDoubt).toHaveLength(100);
  expect(page.inDoubt[0]).toEqual({
    transaction: "1.1.249",
    coordinator: 0,
    age_ms: 249,
    keys: ["ключ 249"],
    moreKeys: 0,
  });
  expect(page.waiting[0]).toMatchObject({ keys: { length: 20 }, moreKeys: 10, waitsFor: ["1.1.0"] });
  expect(oldestInDoubt_ms({ inDoubt })).toBe(249);
  expect(oldestInDoubt_ms(NOTHING)).toBe(0);
});

it("says of a transaction on all keys that it is on all", () => {
  const inDoubt = [{ transaction: "1.1.1", coordinator: 0, age_ms: 1, keys: null }];
  expect(twoPhasePage({ ...NOTHING, inDoubt }).inDoubt[0]).toMatchObject({ keys: null, moreKeys: 0 });
});
