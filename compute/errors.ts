import { ApiError } from '../common/errors.ts';

/** Every error that a caller of the compute service can meet. */

export function badRequest(message: string): ApiError {
  return new ApiError({ status: 400, code: 'InvalidInput', message });
}

export function serverNotFound(id: string): ApiError {
  return new ApiError({ status: 404, code: 'InstanceNotFound', message: `Instance ${shown(id)} could not be found.` });
}

export function flavorNotFound(id: string): ApiError {
  return new ApiError({ status: 404, code: 'FlavorNotFound', message: `Flavor ${shown(id)} could not be found.` });
}

export function keypairNotFound(name: string): ApiError {
  return new ApiError({ status: 404, code: 'KeypairNotFound', message: `Keypair ${shown(name)} could not be found.` });
}

export function attachmentNotFound(serverId: string, volumeId: string): ApiError {
  return new ApiError({
    status: 404,
    code: 'VolumeBDMNotFound',
    message: `Instance ${shown(serverId)} is not attached to volume ${shown(volumeId)}.`,
  });
}

export function conflict(message: string): ApiError {
  return new ApiError({ status: 409, code: 'Conflict', message });
}

/** An action that the server's state does not allow. */
export function wrongState(action: string, serverId: string, attribute: string, state: string): ApiError {
  return new ApiError({
    status: 409,
    code: 'InstanceInvalidState',
    message: `Cannot '${action}' instance ${serverId} while it is in ${attribute} ${state}`,
  });
}

export function quotaExceeded(resource: string, requested: number, used: number, allowed: number): ApiError {
  return new ApiError({
    status: 403,
    code: 'QuotaError',
    message: `Quota exceeded for ${resource}: Requested ${requested}, but already used ${used} of ${allowed} ${resource}`,
  });
}

export function notImplemented(what: string): ApiError {
  return new ApiError({ status: 501, code: 'NotImplemented', message: `${what} is not implemented.` });
}

/** What a guest needs is not installed on this machine. */
export function programMissing(program: string): ApiError {
  return new ApiError({
    status: 503,
    code: 'ProgramNotInstalled',
    message: `${program} is not installed: apt install qemu-system-x86 qemu-block-extra qemu-utils`,
  });
}

/** The guest did not let go of a disk. */
export class UnplugRefusedError extends Error {
  override readonly name = 'UnplugRefusedError';
}

/** What a person may know of a failure: an ApiError's own words, else only that it failed. */
export function faultMessageOf(error: unknown): string {
  return error instanceof ApiError ? error.message : 'An internal error has occurred.';
}

function shown(id: string): string {
  return id.slice(0, 64);
}
