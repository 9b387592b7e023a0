import { invariant } from '../../common/errors.ts';

/**
 * The key spaces of one device's database. Names hold no NUL, so it ends them, and sorts before all they can hold:
 * the rows of a container lie side by side in the order of their names' UTF-8 bytes.
 *
 * Spec: docs/formats/listing-database.md
 */
export const accountKey = (account: string) => key('A', account);
export const containerKey = (account: string, container: string) => key('C', account, container);
/** Container count report that its accounts have not all acknowledged. */
export const dirtyKey = (account: string, container: string) => key('m', account, container);
/** A container whose name holds a slash is a service's own: counted in its account, and in no listing. */
export const containerRowKey = (account: string, container: string) =>
  key(container.includes('/') ? 'h' : 'r', account, container);
export const deletedContainerRowKey = (account: string, container: string) => key('R', account, container);
export function objectRowKey(account: string, container: string, object: string): string {
  assertName(account);
  assertName(container);
  assertName(object);
  return `o\0${account}\0${container}\0${object}`;
}
export const deletedObjectRowKey = (account: string, container: string, object: string) =>
  key('O', account, container, object);

/** What the rows' keys begin with; the name follows. */
export const containerRowsPrefix = (account: string, reserved = false) => `${key(reserved ? 'h' : 'r', account)}\0`;
export const objectRowsPrefix = (account: string, container: string) => `${key('o', account, container)}\0`;

/** All live rows of a container; names begin where the lower bound ends. */
export function objectRowsBounds(account: string, container: string): { gt: string; lt: string } {
  const rows = key('o', account, container);
  return { gt: `${rows}\0`, lt: `${rows}\u0001` };
}

/** All keys of one space: bounds for an iterator. */
export function spaceBounds(space: 'A' | 'C' | 'm' | 'R' | 'O'): { gt: string; lt: string } {
  return { gt: `${space}\0`, lt: `${space}\u0001` };
}

export function namesOfKey(text: string): string[] {
  return text.split('\0').slice(1);
}

function key(space: string, ...names: string[]): string {
  for (const name of names) assertName(name);
  return [space, ...names].join('\0');
}

/** NUL is what parts names. */
export function assertName(name: string): string {
  invariant(!name.includes('\0'), 'a name holds NUL');
  return name;
}
