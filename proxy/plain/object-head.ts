import type { ObjectState } from '../../object-server/contract.ts';
import { encodeHeaderValue, titleCase } from '../http/header-text.ts';
import type { Headers } from '../message.ts';
import { objectHeaders } from '../routes/object-get.ts';
import { KEPT_HEADERS } from '../routes/object-headers.ts';

/** What the answers for one state of an object say of it. */
export interface ObjectHead {
  /** Names as they are sent, each followed by its value. */
  readonly lines: readonly string[];
  /** The same as features see them: what conditions are compared with. */
  readonly headers: Headers;
  /** When the object is gone, seconds since the epoch; Infinity: stays. */
  readonly deleteAtSeconds: number;
}

const MANIFEST = 'x-object-manifest';
const PLAIN_METADATA: ReadonlySet<string> = new Set([
  ...KEPT_HEADERS.filter((name) => name !== MANIFEST),
  'x-delete-at',
]);

/** By the state itself: engines give the same one while the object does not change; it goes when they forget it. */
const heads = new WeakMap<ObjectState, ObjectHead | 'feature'>();

/** @returns undefined for an object that is a feature's: a manifest, or one with anything internal in its metadata. */
export function objectHeadOf(state: ObjectState): ObjectHead | undefined {
  let head = heads.get(state);
  if (head === undefined) {
    head = isPlain(state) ? makeHead(state) : 'feature';
    heads.set(state, head);
  }
  return head === 'feature' ? undefined : head;
}

function isPlain({ fixedMetadata, metadata }: ObjectState): boolean {
  for (const _ in fixedMetadata) return false;
  for (const name in metadata) if (!PLAIN_METADATA.has(name) && !name.startsWith('x-object-meta-')) return false;
  return true;
}

function makeHead(state: ObjectState): ObjectHead {
  const headers = objectHeaders(state);
  const deleteAt = state.metadata['x-delete-at'];
  return {
    headers,
    lines: Object.entries(headers).flatMap(([name, value]) => [titleCase(name), encodeHeaderValue(value)]),
    deleteAtSeconds: deleteAt === undefined ? Number.POSITIVE_INFINITY : Number(deleteAt),
  };
}
