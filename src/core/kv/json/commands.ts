/**
 * Commands to and from JSON, without loss: `commandFromJson(commandToJson(command))` equals `command`.
 *
 * @module
 */
import type { Key } from "../../../codec/bytes.ts";
import {
  type Command,
  type Compare,
  type ExpireDue,
  type Expiry,
  NO_EXPIRY,
  type Operation,
  type Txn,
} from "../command.ts";
import type {
  JsonBytes,
  JsonCommand,
  JsonCompare,
  JsonExpire,
  JsonExpiry,
  JsonOperation,
  JsonTxnBody,
} from "./types.ts";
import { bytesFromJson, bytesToJson, integerFromJson, integerToJson, keyFromJson, keyToJson } from "./values.ts";

/** Everything that a client can ask for. */
export type ClientCommand = Exclude<Command, ExpireDue>;

function expiryToJson(expiry: Expiry): JsonExpiry {
  switch (expiry.type) {
    case "at":
      return { at_ms: expiry.time_ms };
    case "after":
      return { after_ms: expiry.duration_ms };
    default:
      return expiry.type;
  }
}

function expiryFromJson(json: JsonExpiry | undefined): Expiry {
  if (json === undefined || json === "none") return NO_EXPIRY;
  if (json === "keep") return { type: "keep" };
  return "at_ms" in json ? { type: "at", time_ms: json.at_ms } : { type: "after", duration_ms: json.after_ms };
}

function compareToJson(compare: Compare): JsonCompare {
  const key = keyToJson(compare.key);
  return compare.target === "value"
    ? { key, target: "value", operator: compare.operator, operand: bytesToJson(compare.operand) }
    : { key, target: compare.target, operator: compare.operator, operand: compare.operand };
}

function compareFromJson(json: JsonCompare): Compare {
  const key = keyFromJson(json.key);
  const operator = json.operator ?? "=";
  return json.target === "value"
    ? { key, target: "value", operator, operand: bytesFromJson(json.operand) }
    : { key, target: json.target, operator, operand: json.operand };
}

/** An operation as JSON, every field written out. */
export function operationToJson(operation: Operation): JsonOperation {
  switch (operation.type) {
    case "put":
      return {
        type: "put",
        key: keyToJson(operation.key),
        value: bytesToJson(operation.value),
        expiry: expiryToJson(operation.expiry),
        condition: operation.condition,
        returnPrevious: operation.returnPrevious,
      };
    case "get":
      return { type: "get", key: keyToJson(operation.key) };
    case "getMany":
      return { type: "getMany", keys: operation.keys.map(keyToJson) };
    case "delete":
      return { type: "delete", key: keyToJson(operation.key), returnPrevious: operation.returnPrevious };
    case "deleteRange":
      return { type: "deleteRange", start: keyToJson(operation.start), end: endToJson(operation.end) };
    case "range":
      return {
        type: "range",
        start: keyToJson(operation.start),
        end: endToJson(operation.end),
        limit: operation.limit,
        reverse: operation.reverse,
        projection: operation.projection,
      };
    case "increment":
      return { type: "increment", key: keyToJson(operation.key), delta: integerToJson(operation.delta) };
    case "incrementFloat":
      return { type: "incrementFloat", key: keyToJson(operation.key), delta: operation.delta };
    case "append":
      return { type: "append", key: keyToJson(operation.key), value: bytesToJson(operation.value) };
    case "setRange": {
      const { type, offset } = operation;
      return { type, key: keyToJson(operation.key), offset, value: bytesToJson(operation.value) };
    }
    case "expire": {
      // `keep` cannot stand here; should it, the server refuses it by name.
      const expiry = expiryToJson(operation.expiry) as JsonExpire["expiry"];
      return { type: "expire", key: keyToJson(operation.key), expiry, condition: operation.condition };
    }
    case "txn":
      return {
        type: "txn",
        compare: operation.compare.map(compareToJson),
        then: operation.then.map(operationToJson),
        else: operation.else.map(operationToJson),
      };
  }
}

function endToJson(end: Key | null): JsonBytes | null {
  return end === null ? null : keyToJson(end);
}

function startFromJson(json: JsonBytes | undefined): Key {
  return keyFromJson(json ?? "");
}

function endFromJson(json: JsonBytes | null | undefined): Key | null {
  return json === null || json === undefined ? null : keyFromJson(json);
}

/** The transaction whose parts are `json`. Throws as {@link operationFromJson} does. */
export function txnFromJson(json: JsonTxnBody): Txn {
  return {
    type: "txn",
    compare: (json.compare ?? []).map(compareFromJson),
    then: (json.then ?? []).map(operationFromJson),
    else: (json.else ?? []).map(operationFromJson),
  };
}

/**
 * The operation that `json` stands for. The shape is the caller's to check first.
 *
 * @throws {CodecError} for text with half a surrogate pair, bad base64, and integers past 64 bits
 */
export function operationFromJson(json: JsonOperation): Operation {
  switch (json.type) {
    case "put":
      return {
        type: "put",
        key: keyFromJson(json.key),
        value: bytesFromJson(json.value),
        expiry: expiryFromJson(json.expiry),
        condition: json.condition ?? "always",
        returnPrevious: json.returnPrevious ?? false,
      };
    case "get":
      return { type: "get", key: keyFromJson(json.key) };
    case "getMany":
      return { type: "getMany", keys: json.keys.map(keyFromJson) };
    case "delete":
      return { type: "delete", key: keyFromJson(json.key), returnPrevious: json.returnPrevious ?? false };
    case "deleteRange":
      return { type: "deleteRange", start: startFromJson(json.start), end: endFromJson(json.end) };
    case "range":
      return {
        type: "range",
        start: startFromJson(json.start),
        end: endFromJson(json.end),
        limit: json.limit ?? 0,
        reverse: json.reverse ?? false,
        projection: json.projection ?? "entries",
      };
    case "increment":
      return { type: "increment", key: keyFromJson(json.key), delta: integerFromJson(json.delta) };
    case "incrementFloat":
      return { type: "incrementFloat", key: keyFromJson(json.key), delta: json.delta };
    case "append":
      return { type: "append", key: keyFromJson(json.key), value: bytesFromJson(json.value) };
    case "setRange":
      return {
        type: "setRange",
        key: keyFromJson(json.key),
        offset: json.offset,
        value: bytesFromJson(json.value),
      };
    case "expire":
      return {
        type: "expire",
        key: keyFromJson(json.key),
        expiry: expiryFromJson(json.expiry),
        condition: json.condition ?? "always",
      };
    case "txn":
      return txnFromJson(json);
  }
}

/** A command as JSON, every field written out. */
export function commandToJson(command: ClientCommand): JsonCommand {
  switch (command.type) {
    case "openSession":
    case "closeSession":
      return { type: command.type, session: keyToJson(command.session) };
    case "once":
      return {
        type: "once",
        session: keyToJson(command.session),
        incarnation: command.incarnation,
        sequence: command.sequence,
        acknowledged: command.acknowledged,
        operation: operationToJson(command.operation),
      };
    default:
      return operationToJson(command);
  }
}

/** The command that `json` stands for. Throws as {@link operationFromJson} does. */
export function commandFromJson(json: JsonCommand): ClientCommand {
  switch (json.type) {
    case "openSession":
    case "closeSession":
      return { type: json.type, session: keyFromJson(json.session) };
    case "once":
      return {
        type: "once",
        session: keyFromJson(json.session),
        incarnation: json.incarnation,
        sequence: json.sequence,
        acknowledged: json.acknowledged ?? 0,
        operation: operationFromJson(json.operation),
      };
    default:
      return operationFromJson(json);
  }
}
