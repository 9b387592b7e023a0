import type { ObjectReading, ObjectTarget } from '../../object-server/contract.ts';
import { conditionStatus, currentRanges } from '../features/conditional-range.ts';
import { type ByteRange, contentRange } from '../features/ranges.ts';
import { decodeHeaders } from '../http/header-text.ts';
import { MOST_FOLDER_BYTES } from '../limits.ts';
import type { Exchange, StraightServices } from './exchange.ts';
import { type ObjectHead, objectHeadOf } from './object-head.ts';
import { openPlainContainer } from './plain-container.ts';

/**
 * Answers a GET or HEAD at once where all that it needs is in this thread's memory: the caller, the container, the object's state and,
 * for a GET, its whole body; and where it is answered 200, 206 with one range, or 304.
 *
 * @returns whether it did; if not, nothing was sent.
 */
export function plainGet(exchange: Exchange, services: StraightServices): boolean {
  const { path, verb, headers } = exchange.request;
  const { cluster } = services;
  const container = openPlainContainer(exchange, services, 'readAcl');
  if (!container) return false;
  const { policyIndex } = container;
  const ring = cluster.rings.object(policyIndex);
  const { account, container: containerName, object } = path;
  const partition = ring.partitionOf(account, containerName, object);
  for (const device of ring.primaries(partition)) {
    if (!cluster.isLocal(device)) continue;
    const target: ObjectTarget = {
      device: device.device,
      partition,
      account,
      container: containerName,
      object,
      policyIndex,
    };
    const reading = cluster.objectStoreAt(device).openNow?.(target);
    if (!reading) continue;
    // Who visits a site without a token may have to be shown what stands below a folder: the static web feature looks.
    const mayBeFolder = container.isSite && reading.state.sizeBytes <= MOST_FOLDER_BYTES && !hasToken(headers);
    const isAnswered = !mayBeFolder && answer(exchange, reading, verb === 'HEAD', isConditional(headers));
    void reading.close();
    return isAnswered;
  }
  return false;
}

function hasToken(headers: Readonly<Record<string, unknown>>): boolean {
  return headers['x-auth-token'] !== undefined || headers['x-storage-token'] !== undefined;
}

function isConditional(headers: Readonly<Record<string, unknown>>): boolean {
  return (
    headers['range'] !== undefined ||
    headers['if-none-match'] !== undefined ||
    headers['if-modified-since'] !== undefined ||
    headers['if-match'] !== undefined ||
    headers['if-unmodified-since'] !== undefined
  );
}

function answer(exchange: Exchange, reading: ObjectReading, isHead: boolean, isConditional: boolean): boolean {
  const { state } = reading;
  const head = objectHeadOf(state);
  if (!head || head.deleteAtSeconds <= exchange.nowMs() / 1000) return false;
  if (isConditional) return answerConditional(exchange, reading, head, isHead);
  const body = isHead ? undefined : reading.bodyNow?.();
  if (!isHead && !body) return false;
  if (exchange.answer(200, head.lines, state.sizeBytes, body) && body) reading.giveBack?.(body);
  return true;
}

function answerConditional(exchange: Exchange, reading: ObjectReading, head: ObjectHead, isHead: boolean): boolean {
  const { sizeBytes } = reading.state;
  const headers = decodeHeaders(exchange.request.headers);
  const status = conditionStatus(headers, head.headers);
  if (status === 412) return false;
  if (status !== undefined) {
    exchange.answer(status, head.lines, isHead ? 0 : undefined, undefined);
    return true;
  }
  if (isHead) {
    exchange.answer(200, head.lines, sizeBytes, undefined);
    return true;
  }
  const ranges = currentRanges(headers, head.headers, sizeBytes);
  const range = onlyOne(ranges, sizeBytes);
  if (range === 'several') return false;
  const body = reading.bodyNow?.();
  if (!body) return false;
  const isSent = range
    ? exchange.answer(
        206,
        [...head.lines, 'Content-Range', contentRange(range, sizeBytes)],
        range.end - range.start,
        body.subarray(range.start, range.end),
      )
    : exchange.answer(200, head.lines, sizeBytes, body);
  if (isSent) reading.giveBack?.(body);
  return true;
}

/** Undefined: the whole. */
function onlyOne(ranges: readonly ByteRange[] | undefined, sizeBytes: number): ByteRange | 'several' | undefined {
  if (!ranges || (sizeBytes === 0 && ranges.length > 0)) return undefined;
  return ranges.length === 1 && ranges[0] ? ranges[0] : 'several';
}
