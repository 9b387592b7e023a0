import { ApiError, type ErrorHeaders } from '../common/errors.ts';
import type { RenderError } from '../common/http/app.ts';

/** Reason phrase and explanation of each status; the short page of an answer that has no body of its own. */
const STATUS_TEXTS: Readonly<Record<number, readonly [reason: string, explanation: string]>> = {
  200: ['OK', ''],
  201: ['Created', ''],
  202: ['Accepted', 'The request is accepted for processing.'],
  204: ['No Content', ''],
  206: ['Partial Content', ''],
  301: ['Moved Permanently', 'The resource has moved permanently.'],
  303: ['See Other', 'The response to the request can be found under a different URI.'],
  304: ['Not Modified', ''],
  307: ['Temporary Redirect', 'The resource has moved temporarily.'],
  400: [
    'Bad Request',
    'The server could not comply with the request since it is either malformed or otherwise incorrect.',
  ],
  401: ['Unauthorized', 'This server could not verify that you are authorized to access the document you requested.'],
  403: ['Forbidden', 'Access was denied to this resource.'],
  404: ['Not Found', 'The resource could not be found.'],
  405: ['Method Not Allowed', 'The method is not allowed for this resource.'],
  406: ['Not Acceptable', 'The resource is not available in a format acceptable to your browser.'],
  408: ['Request Timeout', 'The server has waited too long for the request to be sent by the client.'],
  409: ['Conflict', 'There was a conflict when trying to complete your request.'],
  411: ['Length Required', 'Content-Length header required.'],
  412: ['Precondition Failed', 'A precondition for this request was not met.'],
  413: ['Request Entity Too Large', 'The body of your request was too large for this server.'],
  414: ['Request URI Too Long', 'The request URI was too long for this server.'],
  416: ['Requested Range Not Satisfiable', 'The Range requested is not available.'],
  417: ['Expectation Failed', 'Expectation failed.'],
  422: ['Unprocessable Entity', 'Unable to process the contained instructions'],
  431: ['Request Header Fields Too Large', 'The headers of your request were too large for this server.'],
  497: ['Blacklisted', ''],
  498: ['Rate Limited', 'Too many requests.'],
  499: ['Client Disconnect', 'The client was disconnected during request.'],
  500: ['Internal Error', 'The server has either erred or is incapable of performing the requested operation.'],
  501: ['Not Implemented', 'The requested method is not implemented by this server.'],
  503: ['Service Unavailable', 'The server is currently unavailable. Please try again at a later time.'],
  507: ['Insufficient Storage', 'There was not enough space to save the resource.'],
};

export const HTML = 'text/html; charset=UTF-8';
const PLAIN = 'text/plain';

export function reasonOf(status: number): string {
  return STATUS_TEXTS[status]?.[0] ?? 'Unknown';
}

/** `404 Not Found`. */
export function statusLineOf(status: number): string {
  return `${status} ${reasonOf(status)}`;
}

/** The page of a status, '' where it has none. */
export function pageOf(status: number): string {
  const [reason, explanation] = STATUS_TEXTS[status] ?? [];
  return explanation ? `<html><h1>${reason}</h1><p>${explanation}</p></html>` : '';
}

export interface RefusalOptions {
  /** The body, where it is not the status' own page. */
  body?: string;
  contentType?: string;
  headers?: ErrorHeaders;
  cause?: unknown;
}

/** A refusal in Swift's dialect: a status, its short page or a body of its own. */
export function refusal(status: number, options: RefusalOptions = {}): ApiError {
  return new ApiError({
    status,
    code: reasonOf(status).replaceAll(' ', ''),
    message: options.body ?? STATUS_TEXTS[status]?.[1] ?? '',
    ...(options.headers ? { headers: options.headers } : {}),
    details: {
      ...(options.body === undefined ? {} : { body: options.body }),
      ...(options.contentType === undefined ? {} : { contentType: options.contentType }),
    },
    ...(options.cause === undefined ? {} : { cause: options.cause }),
  });
}

/** A refusal that says in plain text what was wrong, as Swift's checks of a request do. */
export function plainRefusal(status: number, body: string): ApiError {
  return refusal(status, { body, contentType: PLAIN });
}

/** Content type and body of an error. */
export function renderedRefusal(error: ApiError): { contentType: string; body: string } {
  const { body, contentType } = error.details;
  return {
    contentType: typeof contentType === 'string' ? contentType : HTML,
    body: typeof body === 'string' ? body : pageOf(error.status),
  };
}

export const renderSwiftError: RenderError = (error) => renderedRefusal(error);

/** Whether an error is the one that a contract names so. */
export function isRefusal(error: unknown, code: string): error is ApiError {
  return error instanceof ApiError && error.code === code;
}
