/**
 * The version of this software, in one place that every runtime and bundler can read. A test keeps it equal to
 * the package manifests.
 *
 * @module
 */

/** The version, as semantic versioning has it. */
export const VERSION = "0.1.0";
