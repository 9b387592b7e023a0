import { type Static, type TSchema, Type } from '@sinclair/typebox';
import type { ListingPage, ListingStore } from './contract.ts';
import { MOST_ROWS_PER_CALL, MOST_ROWS_PER_PAGE } from './limits.ts';

const timestamp = Type.String({ pattern: '^\\d{10}\\.\\d{5}$' });
const count = Type.Integer({ minimum: 0 });
const name = Type.String({ minLength: 1, maxLength: 4096, pattern: '^[^\\u0000]*$' });
const metadata = Type.Record(Type.String({ maxLength: 4096 }), Type.String({ maxLength: 65_536 }));
const address = Type.Object({ ip: Type.String(), port: count, device: Type.String(), partition: count });
const addresses = Type.Array(address, { maxItems: 64 });
const update = Type.Object({ timestamp, metadata });
const query = Type.Object({
  limit: Type.Integer({ minimum: 0, maximum: MOST_ROWS_PER_PAGE }),
  prefix: Type.String(),
  delimiter: Type.String(),
  marker: Type.String(),
  endMarker: Type.String(),
  reverse: Type.Boolean(),
  path: Type.Optional(Type.String()),
  reserved: Type.Optional(Type.Boolean()),
});
const containerRow = Type.Object({
  name,
  putTimestamp: timestamp,
  deleteTimestamp: timestamp,
  objectCount: count,
  bytesUsed: count,
  policyIndex: count,
});
const objectRow = Type.Union([
  Type.Object({ name, timestamp, deleted: Type.Literal(true) }),
  Type.Object({
    name,
    deleted: Type.Literal(false),
    timestamp,
    contentType: Type.String(),
    contentTypeTimestamp: timestamp,
    metadataTimestamp: timestamp,
    etag: Type.String(),
    sizeBytes: count,
  }),
]);

const objectUpdate = Type.Object({
  replicas: Type.Array(Type.Object({ device: Type.String(), partition: count }), { maxItems: 64 }),
  account: name,
  container: name,
  row: objectRow,
});

interface OperationTarget {
  device: string;
  partition: number;
  account: string;
  container: string;
}

export interface Operation {
  /** What the path must name; of the node as a whole it names nothing. */
  on: 'node' | 'account' | 'container';
  /** What the request's JSON body must be. */
  argument: TSchema;
  /** @param argument has been checked against the schema. */
  run(store: ListingStore, target: OperationTarget, argument: unknown): Promise<unknown>;
}

/**
 * The calls of the backend API, by the name in `X-Backend-Operation`.
 *
 * Spec: docs/formats/listing-backend.md
 */
export const operations: Readonly<Record<string, Operation>> = {
  accountInfo: on('account', Type.Null(), (store, target) => store.accountInfo(target)),
  updateAccount: on('account', update, (store, target, change) => store.updateAccount(target, change)),
  removeAccount: on('account', Type.Object({ timestamp }), (store, target, removal) =>
    store.removeAccount(target, removal),
  ),
  listContainers: on('account', query, (store, target, asked) => store.listContainers(target, asked)),
  applyContainerRows: on('account', Type.Array(containerRow, { maxItems: MOST_ROWS_PER_CALL }), (store, target, rows) =>
    store.applyContainerRows(target, rows),
  ),
  containerInfo: on('container', Type.Null(), (store, target) => store.containerInfo(target)),
  createContainer: on(
    'container',
    Type.Object({
      timestamp,
      metadata,
      policyIndex: Type.Optional(count),
      defaultPolicyIndex: count,
      accounts: addresses,
    }),
    (store, target, creation) => store.createContainer(target, creation),
  ),
  updateContainer: on('container', update, (store, target, change) => store.updateContainer(target, change)),
  removeContainer: on('container', Type.Object({ timestamp, accounts: addresses }), (store, target, removal) =>
    store.removeContainer(target, removal),
  ),
  listObjects: on('container', query, (store, target, asked) => store.listObjects(target, asked)),
  applyObjectRows: on('container', Type.Array(objectRow, { maxItems: MOST_ROWS_PER_CALL }), (store, target, rows) =>
    store.applyObjectRows(target, rows),
  ),
  applyObjectUpdates: on(
    'node',
    Type.Array(objectUpdate, { maxItems: MOST_ROWS_PER_CALL }),
    (store, _target, updates) => store.applyObjectUpdates(updates),
  ),
};

export function isPage(result: unknown): result is ListingPage {
  return typeof result === 'object' && result !== null && 'chunks' in result && Array.isArray(result.chunks);
}

function on<S extends TSchema>(
  what: Operation['on'],
  argument: S,
  run: (store: ListingStore, target: OperationTarget, argument: Static<S>) => Promise<unknown>,
): Operation {
  return { on: what, argument, run: (store, target, value) => run(store, target, value as Static<S>) };
}
