import { ApiError } from '../common/errors.ts';

/** A ring or builder file that cannot be what it says it is; `what` names the field or place. */
export function malformedFile(what: string, cause?: unknown): ApiError {
  return new ApiError({ status: 422, code: 'RingFileMalformed', message: what, cause });
}

/** A builder was asked for what it cannot do; nothing of it has changed. */
export function refusedChange(why: string): ApiError {
  return new ApiError({ status: 409, code: 'RingChangeRefused', message: why });
}

/** A device, address or search value that does not read. */
export function badSyntax(why: string): ApiError {
  return new ApiError({ status: 400, code: 'RingSyntaxError', message: why });
}

/** The builder's own check found an assignment that must not be published. */
export function invalidRing(why: string): ApiError {
  return new ApiError({ status: 500, code: 'RingInvalid', message: why });
}
