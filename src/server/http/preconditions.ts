/**
 * `If-Match` and `If-None-Match` (RFC 9110, section 13.1) over revisions: an entry's ETag is its modRevision in
 * quotes, so that a client's "only if it is still what I read" becomes a compare in the store itself.
 *
 * @module
 */
import { malformed } from "./problem.ts";

/** What must hold for a write. */
export type Precondition =
  | { readonly type: "none" }
  /** The key must be there, or must not be. */
  | { readonly type: "present" | "absent" }
  /** The entry must have this modRevision, or must not. */
  | { readonly type: "is" | "isNot"; readonly modRevision: number }
  /** An entity tag that this server never gives out: it matches nothing. */
  | { readonly type: "never" };

const NONE: Precondition = { type: "none" };
const ENTITY_TAG = /^(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"$/;

/** The ETag of an entry. */
export function entityTag(modRevision: number): string {
  return `"${modRevision}"`;
}

/** The modRevision that an entity tag stands for; null for one that this server never gives out. */
function revisionOf(name: string, tag: string): number | null {
  const match = ENTITY_TAG.exec(tag.trim());
  if (match === null) {
    throw malformed(
      `${name}: ${tag.slice(0, 64)} is no entity tag; it is the ETag of one answer, quotes included, or *`,
    );
  }
  const revision = /^[1-9][0-9]{0,15}$/.test(match[2]!) ? Number(match[2]) : null;
  // Writes want the strong comparison, and this server gives out no weak tags.
  return match[1] !== undefined || revision === null || !Number.isSafeInteger(revision) ? null : revision;
}

/**
 * What the request's headers ask of a write.
 *
 * @throws {HttpProblem} 400 for malformed headers, several tags, or both headers at once
 */
export function preconditionOf(headers: Headers): Precondition {
  const match = headers.get("if-match");
  const noneMatch = headers.get("if-none-match");
  if (match === null && noneMatch === null) return NONE;
  if (match !== null && noneMatch !== null) throw malformed("both If-Match and If-None-Match; send one of them");
  if (match !== null) {
    if (match.trim() === "*") return { type: "present" };
    const modRevision = revisionOf("If-Match", match);
    return modRevision === null ? { type: "never" } : { type: "is", modRevision };
  }
  if (noneMatch!.trim() === "*") return { type: "absent" };
  const modRevision = revisionOf("If-None-Match", noneMatch!);
  return modRevision === null ? NONE : { type: "isNot", modRevision };
}

/** Whether the value of an `If-None-Match` header names the entry: then a reader has it already. */
export function noneMatchNames(header: string, modRevision: number): boolean {
  if (header.trim() === "*") return true;
  const tag = entityTag(modRevision);
  return header.split(",").some((part) => part.trim().replace(/^W\//, "") === tag);
}
