import { ApiError, type ErrorHeaders } from '../../common/errors.ts';
import { contentOf, type ProxyResponse } from '../message.ts';
import { element, XML_HEAD, XML_TYPE } from './xml/write.ts';

/** Every error that a client of the S3 API can meet. Spec: Amazon S3, "Error responses": list of error codes. */
const ERRORS = {
  AccessDenied: [403, 'Access Denied.'],
  AuthorizationHeaderMalformed: [400, 'The authorization header that you provided is not valid.'],
  AuthorizationQueryParametersError: [400, 'The authorization parameters of the query are not valid.'],
  BadDigest: [400, 'The Content-MD5 or checksum value that you specified did not match what was received.'],
  BucketAlreadyExists: [409, 'The requested bucket name is not available.'],
  BucketAlreadyOwnedByYou: [409, 'Your previous request to create the named bucket succeeded and you already own it.'],
  BucketNotEmpty: [409, 'The bucket you tried to delete is not empty.'],
  EntityTooLarge: [400, 'Your proposed upload exceeds the maximum allowed object size.'],
  EntityTooSmall: [400, 'Your proposed upload is smaller than the minimum allowed object size.'],
  IllegalVersioningConfigurationException: [400, 'The versioning configuration specified in the request is invalid.'],
  IncompleteBody: [400, 'The body does not have the number of bytes that the request said, or ends too early.'],
  InternalError: [500, 'We encountered an internal error. Please try again.'],
  InvalidAccessKeyId: [403, 'The access key ID you provided does not exist in our records.'],
  InvalidArgument: [400, 'Invalid Argument.'],
  InvalidBucketName: [400, 'The specified bucket is not valid.'],
  InvalidBucketState: [409, 'The request is not valid with the current state of the bucket.'],
  InvalidChunkSizeError: [400, 'A chunk of the body has a size that is not valid.'],
  InvalidDigest: [400, 'The Content-MD5 or checksum value that you specified is not valid.'],
  InvalidPart: [400, 'One or more of the specified parts could not be found, or its ETag is not that of the part.'],
  InvalidPartNumber: [416, 'The requested part number is not satisfiable.'],
  InvalidPartOrder: [400, 'The list of parts was not in ascending order of their numbers.'],
  InvalidRange: [416, 'The requested range is not satisfiable.'],
  InvalidRequest: [400, 'Invalid Request.'],
  InvalidStorageClass: [400, 'The storage class you specified is not valid.'],
  InvalidTag: [400, 'The tag provided was not a valid tag.'],
  InvalidURI: [400, 'Could not parse the specified URI.'],
  KeyTooLongError: [400, 'Your key is too long.'],
  MalformedACLError: [400, 'The XML you provided was not well-formed or did not validate against our schema.'],
  MalformedPolicy: [400, 'The policy is not valid JSON, or not a policy.'],
  MalformedTrailerError: [400, 'The body has trailers that are not what the request said.'],
  MalformedXML: [400, 'The XML you provided was not well-formed or did not validate against our schema.'],
  MaxMessageLengthExceeded: [400, 'Your request was too big.'],
  MetadataTooLarge: [400, 'Your metadata headers exceed the maximum allowed metadata size.'],
  MethodNotAllowed: [405, 'The specified method is not allowed against this resource.'],
  MissingContentLength: [411, 'You must provide the Content-Length HTTP header.'],
  NoSuchBucket: [404, 'The specified bucket does not exist.'],
  NoSuchBucketPolicy: [404, 'The bucket policy does not exist.'],
  NoSuchCORSConfiguration: [404, 'The CORS configuration does not exist.'],
  NoSuchKey: [404, 'The specified key does not exist.'],
  NoSuchLifecycleConfiguration: [404, 'The lifecycle configuration does not exist.'],
  NoSuchObjectLockConfiguration: [404, 'The specified object does not have an Object Lock configuration.'],
  NoSuchPublicAccessBlockConfiguration: [404, 'The public access block configuration was not found.'],
  NoSuchTagSet: [404, 'The TagSet does not exist.'],
  NoSuchUpload: [404, 'The specified multipart upload does not exist.'],
  NoSuchVersion: [404, 'The specified version does not exist.'],
  NoSuchWebsiteConfiguration: [404, 'The specified bucket does not have a website configuration.'],
  NotImplemented: [501, 'A header or query you provided implies functionality that is not implemented.'],
  ObjectLockConfigurationNotFoundError: [404, 'Object Lock configuration does not exist for this bucket.'],
  OwnershipControlsNotFoundError: [404, 'The bucket ownership controls were not found.'],
  PreconditionFailed: [412, 'At least one of the preconditions you specified did not hold.'],
  ReplicationConfigurationNotFoundError: [404, 'The replication configuration was not found.'],
  RequestTimeout: [400, 'Your socket connection to the server was not read from or written to within the time-out.'],
  RequestTimeTooSkewed: [403, 'The difference between the request time and the current time is too large.'],
  ServerSideEncryptionConfigurationNotFoundError: [404, 'The server side encryption configuration was not found.'],
  ServiceUnavailable: [503, 'Please reduce your request rate.'],
  SignatureDoesNotMatch: [
    403,
    'The request signature we calculated does not match the signature you provided. Check your key and signing method.',
  ],
  SlowDown: [503, 'Please reduce your request rate.'],
  XAmzContentSHA256Mismatch: [400, "The provided 'x-amz-content-sha256' header does not match what was computed."],
} as const;

export type S3ErrorCode = keyof typeof ERRORS;

export interface S3ErrorOptions {
  /** Instead of the code's own. */
  message?: string;
  /** Elements beside code and message. */
  fields?: Readonly<Record<string, string>>;
  headers?: ErrorHeaders;
  cause?: unknown;
}

export function s3Error(code: S3ErrorCode, { message, fields, headers, cause }: S3ErrorOptions = {}): ApiError {
  const [status, text] = ERRORS[code];
  return new ApiError({
    status,
    code,
    message: message ?? text,
    ...(headers === undefined ? {} : { headers }),
    ...(fields === undefined ? {} : { details: { fields } }),
    ...(cause === undefined ? {} : { cause }),
  });
}

/** What the object API's refusals are called here, by status. */
const BY_STATUS: Readonly<Record<number, S3ErrorCode>> = {
  400: 'InvalidRequest',
  401: 'AccessDenied',
  403: 'AccessDenied',
  404: 'NoSuchKey',
  405: 'MethodNotAllowed',
  408: 'RequestTimeout',
  409: 'SlowDown',
  411: 'MissingContentLength',
  412: 'PreconditionFailed',
  413: 'EntityTooLarge',
  416: 'InvalidRange',
  422: 'BadDigest',
  498: 'SlowDown',
  499: 'IncompleteBody',
  503: 'ServiceUnavailable',
  507: 'ServiceUnavailable',
};

/** An error of the object API as one of this one; what is one already stays as it is. */
export function asS3Error(error: ApiError): ApiError {
  if (isS3Code(error.code) && ERRORS[error.code][0] === error.status && error.details['body'] === undefined)
    return error;
  const code = error.status === 400 ? codeOfBadRequest(error.message) : (BY_STATUS[error.status] ?? 'InternalError');
  return s3Error(code, { ...(error.status === 400 ? { message: error.message } : {}), cause: error });
}

function codeOfBadRequest(message: string): S3ErrorCode {
  if (/metadata|^Header value too long/i.test(message)) return 'MetadataTooLarge';
  return message.startsWith('Object name length') ? 'KeyTooLongError' : 'InvalidRequest';
}

function isS3Code(code: string): code is S3ErrorCode {
  return Object.hasOwn(ERRORS, code);
}

/** Spec: Amazon S3, "REST error responses". */
export function renderS3Error(
  thrown: ApiError,
  { resource, requestId }: { resource: string; requestId: string },
): ProxyResponse {
  const error = asS3Error(thrown);
  const fields = (error.details['fields'] ?? {}) as Readonly<Record<string, string>>;
  const body = element('Error', [
    element('Code', error.code),
    element('Message', error.message),
    ...Object.entries(fields).map(([name, value]) => element(name, value)),
    element('Resource', resource),
    element('RequestId', requestId),
  ]);
  return {
    status: error.status,
    headers: { ...lowerCased(error.headers), 'content-type': XML_TYPE },
    body: contentOf(XML_HEAD + body),
  };
}

function lowerCased(headers: ErrorHeaders): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
