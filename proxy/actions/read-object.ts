import { ApiError, InvariantError } from '../../common/errors.ts';
import type { Timestamp } from '../../common/timestamp.ts';
import type { ObjectReading, ObjectState, ObjectTarget } from '../../object-server/contract.ts';
import type { Device, Ring } from '../../ring/contract.ts';
import type { Cluster } from '../backend/cluster.ts';
import { withDeadline } from '../backend/deadline.ts';
import { quorumOf } from '../backend/quorum.ts';
import { readOrder } from '../backend/replicas.ts';
import { isRefusal, refusal } from '../errors.ts';
import type { Content } from '../message.ts';

export interface ObjectName {
  account: string;
  container: string;
  object: string;
  policyIndex: number;
}

export interface OpenedObject {
  state: ObjectState;
  content: Content & { sizeBytes: number };
}

let rotation = 0;

/**
 * Finds an object on its replicas, this node's first, then the others, then handoffs; with `newest`, on all primaries.
 *
 * @throws ApiError 404 when a quorum says that there is none or the newest thing found is a tombstone; else 503.
 */
export async function readObject(cluster: Cluster, name: ObjectName, newest = false): Promise<OpenedObject> {
  const opened = await openObject(cluster, name, newest);
  if (!isExpired(cluster, opened.state)) return opened;
  await opened.content.close();
  throw refusal(404);
}

async function openObject(cluster: Cluster, name: ObjectName, newest: boolean): Promise<OpenedObject> {
  const ring = cluster.rings.object(name.policyIndex);
  const partition = ring.partitionOf(name.account, name.container, name.object);
  rotation = (rotation + 1) % 0x40000000;
  const search = new Search(cluster, ring, name, partition);
  const reading = newest ? await search.newest() : await search.first();
  return { state: reading.state, content: new ObjectContent(cluster, search, reading) };
}

/** What is there now, past its `X-Delete-At` or not. @returns undefined where there is nothing. @throws ApiError 503. */
export async function stateNow(cluster: Cluster, name: ObjectName): Promise<ObjectState | undefined> {
  try {
    const { state, content } = await openObject(cluster, name, false);
    await content.close();
    return state;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw error;
  }
}

/** Spec: Swift, "Expiring Object Support": an object is gone at its `X-Delete-At`, whether or not the expirer has come by. */
function isExpired(cluster: Cluster, state: ObjectState): boolean {
  const deleteAt = state.metadata['x-delete-at'];
  return deleteAt !== undefined && Number(deleteAt) <= cluster.clock.nowMs() / 1000;
}

/** One walk over the devices that may have a version of the object. */
class Search {
  private readonly cluster: Cluster;
  private readonly ring: Ring;
  private readonly name: ObjectName;
  private readonly partition: number;
  private devices: Iterator<Device>;
  /** Of the newest tombstone that was met. */
  private deleted: Timestamp = '';
  /** Primaries that have nothing: a handoff that has nothing says nothing. */
  private readonly absent = new Set<Device>();
  private readonly primaries: readonly Device[];
  private failure: unknown;

  constructor(cluster: Cluster, ring: Ring, name: ObjectName, partition: number) {
    this.cluster = cluster;
    this.ring = ring;
    this.name = name;
    this.partition = partition;
    this.primaries = ring.primaries(partition);
    this.devices = readOrder(cluster, ring, partition, rotation);
  }

  /** Begins the walk again, with the device it began with. */
  restart(): void {
    this.devices = readOrder(this.cluster, this.ring, this.partition, rotation);
  }

  async first(): Promise<ObjectReading> {
    const reading = await this.next((state) => state.dataTimestamp > this.deleted);
    if (reading) return reading;
    throw this.nothingFound();
  }

  async newest(): Promise<ObjectReading> {
    const attempts = this.primaries.map((device) => this.open(device));
    const readings = (await Promise.all(attempts)).filter((reading) => reading !== undefined);
    const sorted = readings.toSorted((left, right) => (left.state.timestamp < right.state.timestamp ? 1 : -1));
    const [newest, ...others] = sorted;
    await Promise.all(others.map((reading) => reading.close()));
    if (!newest) return this.first();
    if (newest.state.dataTimestamp > this.deleted) return newest;
    await newest.close();
    throw this.nothingFound();
  }

  /** The next replica whose state is wanted; undefined when there are no more. */
  async next(wanted: (state: ObjectState) => boolean): Promise<ObjectReading | undefined> {
    for (;;) {
      const device = this.devices.next();
      if (device.done) return undefined;
      const reading = await this.open(device.value);
      if (!reading) continue;
      if (wanted(reading.state)) return reading;
      await reading.close();
    }
  }

  private async open(device: Device): Promise<ObjectReading | undefined> {
    const target: ObjectTarget = { ...this.name, device: device.device, partition: this.partition };
    try {
      const opening = this.cluster.objectStoreAt(device).open(target);
      return await withDeadline(opening, this.cluster.nodeTimeoutMs, (late) => void late.close());
    } catch (error) {
      if (isRefusal(error, 'ObjectNotFound')) {
        if (this.primaries.includes(device)) this.absent.add(device);
        const { timestamp } = error.details;
        if (typeof timestamp === 'string' && timestamp > this.deleted) this.deleted = timestamp;
      } else {
        this.failure = error;
        this.cluster.logger.warn({ err: error, device: device.device, ip: device.ip }, 'a replica could not be read');
      }
      return undefined;
    }
  }

  private nothingFound(): Error {
    const isCertain = this.absent.size >= quorumOf(this.primaries.length) || this.deleted !== '';
    return isCertain ? refusal(404) : refusal(503, { cause: this.failure });
  }
}

/** An object's bytes, from one replica after another where one fails on the way. */
class ObjectContent implements Content {
  readonly sizeBytes: number;
  private readonly cluster: Cluster;
  private readonly search: Search;
  private reading: ObjectReading;
  /** A reading's body can be iterated once. */
  private used = false;

  constructor(cluster: Cluster, search: Search, reading: ObjectReading) {
    this.cluster = cluster;
    this.search = search;
    this.reading = reading;
    this.sizeBytes = reading.state.sizeBytes;
  }

  /** @throws ApiError 503 when no replica is left that can give the rest. */
  async *read(start: number, end: number): AsyncGenerator<Uint8Array> {
    let position = start;
    const last = Math.min(end, this.sizeBytes);
    if (this.used) await this.reopen();
    while (position < last) {
      this.used = true;
      try {
        for await (const chunk of bounded(this.reading.body(position, last), this.cluster.nodeTimeoutMs)) {
          yield chunk;
          position += chunk.length;
        }
        if (position !== last) throw new InvariantError(`a body ended at byte ${position} of ${last}`);
      } catch (error) {
        this.cluster.logger.warn({ err: error, position }, 'a replica failed while it was read');
        await this.replace(error);
      }
    }
  }

  async close(): Promise<void> {
    await this.reading.close();
  }

  /** Goes on with another replica that has the same bytes. */
  private async replace(cause: unknown): Promise<void> {
    const { state } = this.reading;
    await this.reading.close();
    const next = await this.search.next((other) => isSameData(other, state));
    if (!next) throw refusal(503, { cause });
    this.reading = next;
  }

  /** Several ranges of one content: each is a reading of its own. */
  private async reopen(): Promise<void> {
    const { state } = this.reading;
    await this.reading.close();
    this.search.restart();
    const again = await this.search.next((other) => isSameData(other, state));
    if (!again) throw refusal(503);
    this.reading = again;
  }
}

function isSameData(left: ObjectState, right: ObjectState): boolean {
  return left.dataTimestamp === right.dataTimestamp && left.etag === right.etag && left.sizeBytes === right.sizeBytes;
}

/** The chunks, each within the time that a replica may take. */
async function* bounded(chunks: AsyncIterable<Uint8Array>, timeoutMs: number): AsyncGenerator<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]();
  let finished = false;
  try {
    for (;;) {
      const result = await withDeadline(iterator.next(), timeoutMs);
      if (result.done) break;
      yield result.value;
    }
    finished = true;
  } finally {
    // A reader that stopped in the middle, or a replica that did: nobody waits for one that hangs.
    if (!finished) void iterator.return?.()?.then(undefined, () => {});
  }
}
