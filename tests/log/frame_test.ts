import { describe, expect, test } from "vitest";
import { toHex } from "../../src/codec/bytes.ts";
import {
  encodeMark,
  FRAME_HEADER_BYTES,
  frameTag,
  isValidBody,
  KIND_CLOSE,
  KIND_RECORDS,
  parseFrameHeader,
  payloads,
} from "../../src/log/frame.ts";
import { encodeFileHeader, FILE_SEGMENT } from "../../src/log/file_header.ts";
import { PendingFrames } from "../../src/log/pending_frames.ts";
import { payload } from "./support.ts";

const identity = Uint8Array.from({ length: 16 }, (_, i) => i);

describe("the format on disk", () => {
  test("is the one of version 1, byte for byte", () => {
    // A change of these bytes is a change of the format: raise FORMAT_VERSION and keep reading the old one.
    expect(toHex(encodeFileHeader(FILE_SEGMENT, identity, 258))).toBe(
      "6b767061786f730a0100000002000000000102030405060708090a0b0c0d0e0f02010000000000008a4c6585",
    );
    const pending = new PendingFrames(1000);
    pending.append(new Uint8Array([1, 2, 3]));
    pending.append(new Uint8Array(0));
    const { bytes } = pending.take(1000, frameTag(identity, 258), 44, 2 ** 40 + 5);
    expect(toHex(bytes)).toBe(
      "f76b764c010000000b000000020000008fd356e82c0000000600000000010000050000000001000082077a5ec05970c80300000001020300000000",
    );
  });

  test("carries positions up to 2^53 - 1", () => {
    const last = Number.MAX_SAFE_INTEGER - 1;
    const header = parseFrameHeader(encodeMark(KIND_CLOSE, last, last, 1, 2), 1, 2)!;
    expect(header).toMatchObject({ kind: KIND_CLOSE, firstPosition: last + 1, durable: last, count: 0 });
  });
});

describe("a frame", () => {
  test("is one only under its tag and at its offset, and with every bit of its header as it was", () => {
    const mark = encodeMark(KIND_CLOSE, 5, 5, 77, 1000);
    expect(parseFrameHeader(mark, 77, 1000)).not.toBeNull();
    expect(parseFrameHeader(mark, 78, 1000)).toBeNull();
    expect(parseFrameHeader(mark, 77, 1001)).toBeNull();
    expect(parseFrameHeader(mark.subarray(0, FRAME_HEADER_BYTES - 1), 77, 1000)).toBeNull();
    for (let bit = 0; bit < FRAME_HEADER_BYTES * 8; bit++) {
      const bytes = mark.slice();
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      expect(parseFrameHeader(bytes, 77, 1000)).toBeNull();
    }
  });

  test("has a tag of its own in each segment and log", () => {
    expect(frameTag(identity, 1)).not.toBe(frameTag(identity, 2));
    expect(frameTag(identity, 1)).not.toBe(frameTag(identity.map((byte) => byte + 1), 1));
  });
});

describe("frames that wait for a flush", () => {
  test("hold the records in order and are taken in parts", () => {
    const pending = new PendingFrames(100);
    const records = Array.from({ length: 10 }, (_, i) => payload(i, 30 + i));
    for (const record of records) pending.append(record);
    const found: Uint8Array[] = [];
    let durable = 0;
    let offset = 44;
    while (!pending.isEmpty) {
      expect(pending.firstFrameBytes).toBeLessThanOrEqual(100 + FRAME_HEADER_BYTES);
      const { bytes, frames } = pending.take(300, 9, offset, durable);
      let at = 0;
      let position = durable + 1;
      for (const frame of frames) {
        const header = parseFrameHeader(bytes.subarray(at, at + frame.bytes), 9, offset + at)!;
        expect(header).toMatchObject({ kind: KIND_RECORDS, firstPosition: position, durable, count: frame.count });
        const body = bytes.subarray(at + FRAME_HEADER_BYTES, at + frame.bytes);
        expect(isValidBody(header, body)).toBe(true);
        for (const one of payloads(body)) found.push(one.slice());
        position += frame.count;
        at += frame.bytes;
      }
      expect(at).toBe(bytes.length);
      expect(bytes.length).toBeLessThanOrEqual(300);
      durable = position - 1;
      offset += at;
    }
    expect(found).toEqual(records);
  });

  test("may be longer than the limit when one record is", () => {
    const pending = new PendingFrames(100);
    pending.append(payload(1, 10_000));
    pending.append(payload(2, 10));
    expect(pending.take(50, 1, 44, 0).frames).toEqual([{ bytes: FRAME_HEADER_BYTES + 10_004, count: 1 }]);
    expect(pending.take(50, 1, 44, 1).frames).toEqual([{ bytes: FRAME_HEADER_BYTES + 14, count: 1 }]);
    expect(() => pending.take(50, 1, 44, 2)).toThrow(RangeError);
  });

  test("are kept in order, in bounded memory, in a queue that is never quite empty", () => {
    const pending = new PendingFrames(100);
    let appended = 0;
    let written = 0;
    let most = 0;
    for (; appended < 3; appended++) pending.append(payload(appended, 90));
    for (; appended < 10_000; appended++) {
      const { bytes, frames } = pending.take(1, 9, 44, written);
      most = Math.max(most, bytes.buffer.byteLength);
      expect([frames.length, [...bytes.subarray(FRAME_HEADER_BYTES + 4)]]).toEqual([1, [...payload(written++, 90)]]);
      pending.append(payload(appended, 90));
    }
    expect(most).toBeLessThanOrEqual(4096);
  });
});
