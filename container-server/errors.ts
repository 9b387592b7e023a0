import { ApiError } from '../common/errors.ts';
import type { Timestamp } from '../common/timestamp.ts';

export function accountNotFound(account: string): ApiError {
  return new ApiError({ status: 404, code: 'AccountNotFound', message: `There is no account ${account} here.` });
}

export function containerNotFound(container: string): ApiError {
  return new ApiError({ status: 404, code: 'ContainerNotFound', message: `There is no container ${container} here.` });
}

export function containerNotEmpty(container: string): ApiError {
  return new ApiError({ status: 409, code: 'ContainerNotEmpty', message: `The container ${container} holds objects.` });
}

/** @param newest what is there: a write has to be later than this. */
export function olderVersion(newest: Timestamp): ApiError {
  return new ApiError({
    status: 409,
    code: 'OlderVersion',
    message: `A version of ${newest} is there, which is not older than this one.`,
    details: { timestamp: newest },
  });
}

export function policyConflict(policyIndex: number): ApiError {
  return new ApiError({
    status: 409,
    code: 'PolicyConflict',
    message: `The container is there with storage policy ${policyIndex}.`,
    details: { policyIndex },
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

export function tooManyChanges(device: string): ApiError {
  return new ApiError({
    status: 503,
    code: 'TooManyChanges',
    message: `Too many changes wait for the device ${device}; try again.`,
  });
}
