import type { Timestamp } from '../../common/timestamp.ts';
import { ticksOf, timestampFromTicks } from '../../common/timestamp.ts';

/**
 * Names that features keep things under and no client can say: a container whose name begins with a slash. In a path the slash ends
 * the account, and what hashes and keys are made of (`account/container/object`) begins with no client's container. Account
 * listings leave out containers whose names hold a slash.
 */
const VERSIONS = '/versions/';

export function isReservedContainer(container: string): boolean {
  return container.startsWith('/');
}

/** Where the versions of a container's objects are. */
export function versionsContainerOf(container: string): string {
  return VERSIONS + container;
}

/** Ends the object's name in that of a version. It sorts before all that a longer name goes on with: U+0001 of a name is written as ESCAPE. */
const END = '\u0001\u0001';
const ESCAPE = '\u0001\u0002';
const STAMP_LENGTH = 16; // '0000000000.00000'.length
const LARGEST_TICKS = 999_999_999_999_999;

/** What the names of an object's versions begin with, and those of no other object. */
export function versionsPrefixOf(object: string): string {
  return escapeName(object) + END;
}

/** The beginning of a name, as versions' names begin. */
export function escapeName(name: string): string {
  return name.replaceAll('\u0001', ESCAPE);
}

/** The name of a version: an object's lie side by side, the newest first. */
export function versionNameOf(object: string, versionId: Timestamp): string {
  return versionsPrefixOf(object) + invert(versionId);
}

/** @returns undefined for a name that no version has. */
export function parseVersionName(name: string): { object: string; versionId: Timestamp } | undefined {
  const stamp = name.slice(-STAMP_LENGTH);
  const prefix = name.slice(0, -STAMP_LENGTH);
  if (!/^\d{10}\.\d{5}$/.test(stamp) || !prefix.endsWith(END)) return undefined;
  return { object: unescapeName(prefix.slice(0, -END.length)), versionId: invert(stamp) };
}

/** The beginning of a version's name, as the client's: what follows the object's name is cut off. */
export function unescapeName(name: string): string {
  const end = name.indexOf(END);
  return (end < 0 ? name : name.slice(0, end)).replaceAll(ESCAPE, '\u0001');
}

/** Of an object, as its client calls it: what bounds of names are about. */
export function clientNameOf({ container, object }: { container: string; object: string }): string {
  return isReservedContainer(container) ? (parseVersionName(object)?.object ?? object) : object;
}

function invert(timestamp: Timestamp): Timestamp {
  return timestampFromTicks(LARGEST_TICKS - ticksOf(timestamp));
}
