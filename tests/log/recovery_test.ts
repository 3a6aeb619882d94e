import { describe, expect, test } from "vitest";
import { FILE_HEADER_BYTES } from "../../src/log/file_header.ts";
import { segmentName } from "../../src/log/file_names.ts";
import { FRAME_HEADER_BYTES } from "../../src/log/frame.ts";
import { Bench, errorOf, payload } from "./support.ts";

const FIRST = segmentName(1);

/** One segment with `flushes` flushes of one record each; where each frame starts, and where the last one ends. */
function filled(flushes: number, length = 40): { bench: Bench; payloads: Uint8Array[]; starts: number[]; end: number } {
  const bench = new Bench();
  const payloads = Array.from({ length: flushes }, (_, i) => payload(i + 1, length));
  for (const one of payloads) bench.flush(one);
  const starts = payloads.map((_, i) => FILE_HEADER_BYTES + i * (FRAME_HEADER_BYTES + 4 + length));
  return { bench, payloads, starts, end: FILE_HEADER_BYTES + flushes * (FRAME_HEADER_BYTES + 4 + length) };
}

describe("a log that is opened again", () => {
  test("has its identity and records, and goes on after them", () => {
    const { bench, payloads } = filled(5);
    const { identity } = bench.log;
    bench.open(bench.disk.kill());
    expect(bench.log.identity).toEqual(identity);
    expect(bench.payloads()).toEqual(payloads);
    expect(bench.log.recovered).toBeNull();
    expect([bench.log.lastPosition, bench.log.durablePosition]).toEqual([5, 5]);
    bench.flush(payload(6));
    expect(bench.reported).toEqual([6]);
    bench.open(bench.disk.kill());
    expect(bench.payloads()).toEqual([...payloads, payload(6)]);
  });

  test("has the records of many segments, a record larger than a segment among them", () => {
    const bench = new Bench();
    const payloads = Array.from({ length: 60 }, (_, i) => payload(i, i === 30 ? 5000 : (i * 37) % 300));
    for (let i = 0; i < payloads.length; i += 3) bench.flush(...payloads.slice(i, i + 3));
    expect(bench.log.status().segments).toBeGreaterThan(4);
    expect(bench.payloads()).toEqual(payloads);
    bench.open(bench.disk.kill());
    expect(bench.payloads()).toEqual(payloads);
    expect(bench.close()).toBeNull();
    bench.open(bench.disk.kill());
    expect(bench.payloads()).toEqual(payloads);
    expect(bench.log.recovered).toBeNull();
  });

  test("does not grow by being opened and closed", () => {
    const { bench } = filled(3);
    bench.close();
    bench.open(bench.disk.kill());
    const { bytes } = bench.log.status();
    bench.close();
    bench.open(bench.disk.kill());
    expect(bench.log.status().bytes).toBe(bytes);
  });
});

describe("the end of a log", () => {
  test("cut at any byte is cut off at the last whole record, and the log goes on from there", () => {
    const { bench, payloads, starts, end } = filled(4);
    const origin = bench.disk;
    const whole = origin.bytesOf(FIRST);
    for (let length = FILE_HEADER_BYTES; length <= end; length++) {
      const disk = origin.clone();
      disk.overwrite(FIRST, whole.slice(0, length));
      bench.open(disk);
      const kept = payloads.filter((_, i) => (starts[i + 1] ?? end) <= length);
      expect(bench.payloads()).toEqual(kept);
      const cut = starts[kept.length] ?? end;
      const expected = length === cut ? null : { file: FIRST, offset: cut, tornBytes: length - cut };
      if (expected !== null && whole[length - 1] === 0) expect(bench.log.recovered).toMatchObject({ offset: cut });
      else expect(bench.log.recovered).toEqual(expected);
      bench.flush(payload(9));
      bench.open(bench.disk.powerOff(() => false));
      expect(bench.payloads()).toEqual([...kept, payload(9)]);
    }
  });

  test("scribbled over from any byte of the last flush on is cut off there", () => {
    const { bench, payloads, starts, end } = filled(4);
    const origin = bench.disk;
    for (let from = starts[3]!; from < end; from++) {
      const bytes = origin.bytesOf(FIRST);
      bytes.fill(0xa5, from, end + 100);
      const disk = origin.clone();
      disk.overwrite(FIRST, bytes);
      bench.open(disk);
      expect(bench.payloads()).toEqual(payloads.slice(0, 3));
      expect(bench.log.recovered).toEqual({ file: FIRST, offset: starts[3], tornBytes: end + 100 - starts[3]! });
    }
  });

  test("is whole when only what was reserved behind it is scribbled over", () => {
    const { bench, payloads, end } = filled(4);
    const bytes = bench.disk.bytesOf(FIRST);
    bytes.fill(0xf7, end + 10);
    bench.disk.overwrite(FIRST, bytes);
    bench.open(bench.disk.kill());
    expect(bench.payloads()).toEqual(payloads);
    expect(bench.log.recovered).toEqual({ file: FIRST, offset: end, tornBytes: bytes.length - end });
  });

  test("never comes back once it was cut off, even where new records end before it", () => {
    const { bench } = filled(2);
    // Several frames in one flush; the first is lost, so the flush is torn, and its later frames are stale.
    for (let i = 0; i < 4; i++) bench.log.append(payload(10 + i, 400));
    bench.clock.run();
    const at = bench.disk.bytesOf(FIRST).indexOf(0xf7, FILE_HEADER_BYTES + 2 * (FRAME_HEADER_BYTES + 44));
    const bytes = bench.disk.bytesOf(FIRST);
    bytes[at + FRAME_HEADER_BYTES + 10]! ^= 1;
    bench.disk.overwrite(FIRST, bytes);
    bench.open(bench.disk.kill());
    expect(bench.log.lastPosition).toBe(2);
    expect(bench.log.recovered).toMatchObject({ offset: at });
    bench.flush(payload(20, 400));
    bench.open(bench.disk.powerOff(() => false));
    expect(bench.payloads().slice(2)).toEqual([payload(20, 400)]);
    expect(bench.log.recovered).toBeNull();
  });

  test("may be torn at any sectors of its last flush", () => {
    const bench = new Bench({ segmentBytes: 16 * 1024, reserveBytes: 0 });
    bench.flush(payload(1));
    // One flush of several frames over nine sectors or so: every combination of lost sectors.
    const before = bench.disk;
    const payloads = Array.from({ length: 9 }, (_, i) => payload(2 + i, 450));
    for (let mask = 0; mask < 512; mask++) {
      bench.open(before.clone());
      for (const one of payloads) bench.log.append(one);
      bench.clock.step();
      let sector = 0;
      bench.open(bench.disk.powerOff(() => (mask & (1 << (sector++ % 9))) !== 0));
      const found = bench.payloads();
      expect(found[0]).toEqual(payload(1));
      expect(found.slice(1)).toEqual(payloads.slice(0, found.length - 1));
    }
  });
});

describe("damage before the end of a log", () => {
  test("at any byte stops it, naming the file and the offset of the frame", () => {
    const { bench, starts } = filled(4);
    const origin = bench.disk;
    for (let at = FILE_HEADER_BYTES; at < starts[3]!; at++) {
      const bytes = origin.bytesOf(FIRST);
      bytes[at]! ^= 0x10;
      const disk = origin.clone();
      disk.overwrite(FIRST, bytes);
      const error = errorOf(() => bench.open(disk));
      expect(error).toMatchObject({
        code: "damaged",
        file: FIRST,
        offset: starts.findLast((start) => start <= at),
      });
      expect(error.message).toContain("backup");
      // What stands there stays as evidence.
      expect(disk.bytesOf(FIRST)).toEqual(bytes);
    }
  });

  test("in the header of the file stops it", () => {
    const { bench } = filled(4);
    const origin = bench.disk;
    for (let at = 0; at < FILE_HEADER_BYTES; at++) {
      const bytes = origin.bytesOf(FIRST);
      bytes[at]! ^= 0x10;
      const disk = origin.clone();
      disk.overwrite(FIRST, bytes);
      expect(errorOf(() => bench.open(disk))).toMatchObject({ code: "damaged", file: FIRST, offset: 0 });
    }
  });

  test("in the last flush stops a log that was closed in good order", () => {
    const { bench, starts, end, payloads } = filled(4);
    bench.close();
    const origin = bench.disk;
    for (let at = FILE_HEADER_BYTES; at < end + FRAME_HEADER_BYTES; at++) {
      const bytes = origin.bytesOf(FIRST);
      bytes[at]! ^= 0x10;
      const disk = origin.clone();
      disk.overwrite(FIRST, bytes);
      if (at < end) {
        const offset = starts.findLast((start) => start <= at);
        expect(errorOf(() => bench.open(disk))).toMatchObject({ code: "damaged", offset });
      } else {
        bench.open(disk);
        expect(bench.payloads()).toEqual(payloads);
      }
    }
  });

  test("in the last flush of a killed process cannot be told from a torn write and is cut off", () => {
    const { bench, starts, end, payloads } = filled(4);
    const origin = bench.disk;
    for (let at = starts[3]!; at < end; at++) {
      const bytes = origin.bytesOf(FIRST);
      bytes[at]! ^= 0x10;
      const disk = origin.clone();
      disk.overwrite(FIRST, bytes);
      bench.open(disk);
      expect(bench.payloads()).toEqual(payloads.slice(0, 3));
      expect(bench.log.recovered).toMatchObject({ file: FIRST, offset: starts[3] });
    }
  });

  test("in an earlier segment stops the log, in its last flush too", () => {
    const bench = new Bench();
    for (let i = 0; i < 40; i++) bench.flush(payload(i, 200));
    const origin = bench.disk;
    const size = origin.bytesOf(FIRST).length;
    let refused = 0;
    for (let at = 0; at < size; at += 3) {
      const bytes = origin.bytesOf(FIRST);
      bytes[at]! ^= 0x80;
      const disk = origin.clone();
      disk.overwrite(FIRST, bytes);
      try {
        bench.open(disk);
        // The seal, and what is reserved behind it, hold no records.
        expect(bench.payloads()).toHaveLength(40);
      } catch (error) {
        expect(error).toMatchObject({ code: "damaged", file: FIRST });
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(500);
  });

  test("at the start of the oldest segment stops the log, however little lies beyond the snapshot", () => {
    const bench = new Bench();
    while (bench.log.status().segments < 3) bench.flush(payload(1, 200));
    bench.flush(payload(2, 200));
    bench.flush(payload(3, 200));
    expect(bench.snapshot(bench.log.lastPosition - 1, payload(4))).toBeNull();
    bench.log.truncate(bench.log.lastPosition - 1);
    expect(bench.log.status().segments).toBe(1);
    const oldest = segmentName(3);
    const lastFlush = FILE_HEADER_BYTES + 2 * (FRAME_HEADER_BYTES + 204);
    const origin = bench.disk;
    for (let at = FILE_HEADER_BYTES; at < lastFlush; at++) {
      const bytes = origin.bytesOf(oldest);
      bytes[at]! ^= 0x10;
      const disk = origin.clone();
      disk.overwrite(oldest, bytes);
      expect(errorOf(() => bench.open(disk))).toMatchObject({ code: "damaged", file: oldest });
    }
  });

  test("is not what a torn first flush of the oldest segment is taken for", () => {
    const bench = new Bench({ segmentBytes: 4096, reserveBytes: 700 });
    // Each flush has two frames, and three flushes fill a segment.
    while (bench.log.status().segments < 3) bench.flush(payload(1, 600), payload(2, 600));
    const position = bench.log.lastPosition - 1;
    expect(bench.snapshot(position - 1, payload(4))).toBeNull();
    bench.log.truncate(position - 1);
    expect(bench.log.status().segments).toBe(1);
    const oldest = segmentName(3);
    const bytes = bench.disk.bytesOf(oldest);
    bytes.fill(0, FILE_HEADER_BYTES, FILE_HEADER_BYTES + FRAME_HEADER_BYTES);
    bench.disk.overwrite(oldest, bytes);
    bench.open(bench.disk.kill());
    expect([bench.log.firstPosition, bench.log.lastPosition]).toEqual([position, position - 1]);
    expect(bench.log.recovered).toMatchObject({ file: oldest, offset: FILE_HEADER_BYTES });
  });

  test("is seen when an earlier segment was cut short", () => {
    const bench = new Bench();
    for (let i = 0; i < 40; i++) bench.flush(payload(i, 200));
    const origin = bench.disk;
    const { length } = origin.bytesOf(FIRST);
    for (let cut = 1; cut < 1500; cut += 7) {
      const disk = origin.clone();
      disk.overwrite(FIRST, disk.bytesOf(FIRST).slice(0, Math.min(length, 1800) - cut));
      expect(errorOf(() => bench.open(disk))).toMatchObject({ code: "damaged", file: FIRST });
    }
  });

  test("is seen when only the header of the flush after it is whole", () => {
    const bench = new Bench();
    while (bench.log.status().segments < 2) bench.flush(payload(1, 200));
    const second = bench.disk.bytesOf(segmentName(2));
    second[FILE_HEADER_BYTES + FRAME_HEADER_BYTES + 10]! ^= 1;
    bench.disk.overwrite(segmentName(2), second);
    const start = FILE_HEADER_BYTES + 3 * (FRAME_HEADER_BYTES + 204);
    bench.disk.overwrite(FIRST, bench.disk.bytesOf(FIRST).slice(0, start + 100));
    const error = errorOf(() => bench.open(bench.disk.kill()));
    expect(error).toMatchObject({ code: "damaged", file: FIRST, offset: start });
  });

  test("is seen when a write went to the wrong place", () => {
    const { bench, starts } = filled(4);
    const bytes = bench.disk.bytesOf(FIRST);
    bytes.copyWithin(starts[1]!, starts[2]!, starts[3]);
    bench.disk.overwrite(FIRST, bytes);
    const error = errorOf(() => bench.open(bench.disk.kill()));
    expect(error).toMatchObject({ code: "damaged", file: FIRST, offset: starts[1] });
  });

  test("is seen when a segment is missing, whichever it is", () => {
    const bench = new Bench();
    for (let i = 0; i < 40; i++) bench.flush(payload(i, 200));
    const origin = bench.disk;
    const { segments } = bench.log.status();
    expect(segments).toBeGreaterThan(3);
    for (let number = 1; number <= segments; number++) {
      const disk = origin.clone();
      disk.remove(segmentName(number));
      if (number === segments) { for (const name of disk.list()) if (name > segmentName(number)) disk.remove(name); }
      expect(errorOf(() => bench.open(disk)).code).toBe("damaged");
    }
    for (let number = 1; number <= segments + 1; number++) {
      if (bench.disk.list().includes(segmentName(number))) bench.disk.remove(segmentName(number));
    }
    expect(errorOf(() => bench.open(bench.disk.kill())).code).toBe("damaged");
  });

  test("is seen when the segment that a seal points to was cut short", () => {
    const bench = new Bench();
    while (bench.log.status().segments < 2) bench.flush(payload(1, 200));
    for (const length of [0, 10, FILE_HEADER_BYTES - 1]) {
      const disk = bench.disk.clone();
      disk.overwrite(segmentName(2), disk.bytesOf(segmentName(2)).slice(0, length));
      const other = new Bench();
      expect(errorOf(() => other.open(disk))).toMatchObject({ code: "damaged", file: FIRST });
    }
  });

  test("is seen when a segment of another log lies in a segment's place", () => {
    const { bench } = filled(3);
    const foreign = bench.disk.bytesOf(FIRST);
    foreign.set(Uint8Array.from({ length: 16 }, () => 1), 16);
    bench.disk.overwrite(FIRST, foreign);
    expect(errorOf(() => bench.open(bench.disk.kill()))).toMatchObject({ code: "damaged", file: FIRST, offset: 0 });
  });
});

describe("the meta file", () => {
  test("of a newer version is refused by name", () => {
    const { bench } = filled(1);
    const bytes = bench.disk.bytesOf("meta");
    bytes[8] = 2;
    bench.disk.overwrite("meta", bytes);
    const error = errorOf(() => bench.open(bench.disk.kill()));
    expect(error).toMatchObject({ code: "version", file: "meta" });
    expect(error.message).toContain("version 2");
  });

  test("that is damaged or missing is refused when there are records", () => {
    const { bench } = filled(1);
    const origin = bench.disk;
    const bytes = bench.disk.bytesOf("meta");
    bytes[20]! ^= 1;
    const disk = origin.clone();
    disk.overwrite("meta", bytes);
    expect(errorOf(() => bench.open(disk))).toMatchObject({ code: "damaged", file: "meta" });
    bench.disk.remove("meta");
    expect(errorOf(() => bench.open(bench.disk.kill()))).toMatchObject({ code: "damaged", file: "meta" });
  });
});
