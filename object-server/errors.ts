import { ApiError, InvariantError } from '../common/errors.ts';
import type { Timestamp } from '../common/timestamp.ts';

/** @param newest what is there: a write has to be later than this. */
export function olderVersion(newest: Timestamp): ApiError {
  return new ApiError({
    status: 409,
    code: 'OlderVersion',
    message: `A version of ${newest} is there, which is not older than this one.`,
    details: { timestamp: newest },
  });
}

export function objectExists(timestamp: Timestamp): ApiError {
  return new ApiError({
    status: 412,
    code: 'ObjectExists',
    message: 'There is an object of this name.',
    details: { timestamp },
  });
}

/** @param timestamp of what is there. */
export function objectChanged(timestamp: Timestamp): ApiError {
  return new ApiError({
    status: 412,
    code: 'ObjectChanged',
    message: `The object was written or deleted at ${timestamp}, later than this write may replace.`,
    details: { timestamp },
  });
}

/** @param timestamp of the tombstone, or of the expired version, where there is one. */
export function objectNotFound(timestamp?: Timestamp, deleteAt?: string): ApiError {
  return new ApiError({
    status: 404,
    code: 'ObjectNotFound',
    message: 'There is no object of this name here.',
    details: {
      ...(timestamp === undefined ? {} : { timestamp }),
      ...(deleteAt === undefined ? {} : { deleteAt }),
    },
  });
}

export function containerNotFound(container: string): ApiError {
  return new ApiError({
    status: 404,
    code: 'ContainerNotFound',
    message: `The container ${container} is gone; the object was taken back.`,
  });
}

export function checksumMismatch(message: string): ApiError {
  return new ApiError({ status: 422, code: 'ChecksumMismatch', message });
}

export function insufficientStorage(device: string, cause?: unknown): ApiError {
  return new ApiError({
    status: 507,
    code: 'InsufficientStorage',
    message: `The device ${device} has no space for this.`,
    ...(cause === undefined ? {} : { cause }),
  });
}

export function deviceUnavailable(device: string, cause?: unknown): ApiError {
  return new ApiError({
    status: 507,
    code: 'DeviceUnavailable',
    message: `The device ${device} cannot be used on this node.`,
    ...(cause === undefined ? {} : { cause }),
  });
}

export function deviceBusy(device: string): ApiError {
  return new ApiError({
    status: 503,
    code: 'DeviceBusy',
    message: `Too many operations wait for the device ${device}; try again.`,
  });
}

/** The version that a reading was opened for has been replaced, and its bytes are gone: opening it again finds the newer one. */
export function supersededWhileRead(device: string): ApiError {
  return new ApiError({
    status: 503,
    code: 'DeviceBusy',
    message: `The object was replaced on the device ${device} while it was read; try again.`,
  });
}

export function corruptObject(cause: unknown): ApiError {
  return new ApiError({
    status: 500,
    code: 'CorruptObject',
    message: 'This replica of the object is damaged and was set aside.',
    cause,
  });
}

/** The index of a device cannot be read or written. */
export class IndexError extends Error {
  override readonly name = 'IndexError';

  constructor(message: string, cause: unknown) {
    super(message, { cause });
  }
}

const FULL = new Set(['ENOSPC', 'EDQUOT']);

/** A failure of the file system as a caller may meet it; our own bugs stay what they are. */
export function toDeviceError(device: string, error: unknown): Error {
  if (error instanceof ApiError || error instanceof InvariantError) return error;
  if (error instanceof IndexError) return deviceUnavailable(device, error);
  if (!(error instanceof Error) || !('syscall' in error))
    return error instanceof Error ? error : new Error(String(error));
  return FULL.has(String(Reflect.get(error, 'code')))
    ? insufficientStorage(device, error)
    : deviceUnavailable(device, error);
}
