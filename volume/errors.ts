import { ApiError } from '../common/errors.ts';

/*
 * Every error that a caller of the volume service can meet, in Cinder's words: clients look for some of them.
 * Spec: Block Storage API v3, "Faults".
 */

export function volumeNotFound(id: string): ApiError {
  return new ApiError({ status: 404, code: 'VolumeNotFound', message: `Volume ${shown(id)} could not be found.` });
}

export function attachmentNotFound(id: string): ApiError {
  return new ApiError({
    status: 404,
    code: 'VolumeAttachmentNotFound',
    message: `Volume attachment could not be found with filter: attachment_id = ${shown(id)}.`,
  });
}

export function volumeTypeNotFound(id: string): ApiError {
  return new ApiError({
    status: 404,
    code: 'VolumeTypeNotFound',
    message: `Volume type ${shown(id)} could not be found.`,
  });
}

export function notFound(what: string): ApiError {
  return new ApiError({ status: 404, code: 'NotFound', message: `${what} could not be found.` });
}

/** The volume's state does not allow what was asked. */
export function invalidVolume(reason: string): ApiError {
  return new ApiError({ status: 400, code: 'InvalidVolume', message: `Invalid volume: ${reason}` });
}

/** Something in the request is wrong. */
export function invalidInput(reason: string): ApiError {
  return new ApiError({ status: 400, code: 'InvalidInput', message: `Invalid input received: ${reason}` });
}

export function conflict(code: string, message: string): ApiError {
  return new ApiError({ status: 409, code, message });
}

/** A detach that no service vouches for, of a volume that a server uses (CVE-2023-2088). */
export function serverUsesAttachment(serverId: string): ApiError {
  return new ApiError({
    status: 409,
    code: 'ConflictNovaUsingAttachment',
    message: `Detach volume from instance ${serverId} using the Compute API`,
  });
}

export function volumeCountExceeded(quota: string, allowed: number): ApiError {
  return overQuota(
    'VolumeLimitExceeded',
    `VolumeLimitExceeded: Maximum number of volumes allowed (${allowed}) exceeded for quota '${quota}'.`,
  );
}

export function gigabytesExceeded(quota: string, requested: number, allowed: number, consumed: number): ApiError {
  return overQuota(
    'VolumeSizeExceedsAvailableQuota',
    `VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed ${quota} quota. ` +
      `Requested ${requested}G, quota is ${allowed}G and ${consumed}G has been consumed.`,
  );
}

export function volumeTooLarge(size: number, limit: number): ApiError {
  return overQuota(
    'VolumeSizeExceedsLimit',
    `VolumeSizeExceedsLimit: Requested volume size ${size}G is larger than maximum allowed limit ${limit}G.`,
  );
}

function overQuota(code: string, message: string): ApiError {
  return new ApiError({ status: 413, code, message, headers: { 'retry-after': '0' }, details: { retryAfter: '0' } });
}

/** A part of the Block Storage API that is not built. */
export function notBuilt(what: string): ApiError {
  return new ApiError({ status: 501, code: 'NotBuilt', message: `${what} is not implemented by this service.` });
}

/** No pool can hold the volume. Users see it as the volume's error, as with Cinder. */
export function noValidBackend(reason: string): ApiError {
  return new ApiError({ status: 400, code: 'NoValidBackend', message: `No valid backend was found. ${reason}` });
}

/** A pool has no room for what was asked of its driver. */
export function poolFull(pool: string): ApiError {
  return new ApiError({ status: 507, code: 'PoolFull', message: `The pool ${pool} has not enough free space.` });
}

/** A text of the caller in a message: short and on one line. */
function shown(text: string): string {
  return text.slice(0, 64).replace(/[^\x20-\x7e]/g, '?');
}
