import { ApiError } from '../errors.ts';
import type { RenderedError } from '../http/app.ts';

/** An `ApiError` as it travels between nodes. */
export interface WireError {
  status: number;
  code: string;
  message: string;
  details: Record<string, unknown>;
}

/** Codes that are answered before it is known who asks: words only. */
const PLAIN_CODES = new Set(['ClusterKeyRequired', 'ClusterKeyRefused', 'TooManyNonces', 'NotFound']);

export function encodeError({ status, code, message, details }: ApiError): WireError {
  return { status, code, message, details: { ...details } };
}

export function renderBackendError(error: ApiError): RenderedError {
  if (PLAIN_CODES.has(error.code)) return { contentType: 'text/plain; charset=utf-8', body: `${error.message}\n` };
  return { contentType: 'application/json', body: JSON.stringify(encodeError(error)) };
}

/** The error that another node met. @param text its JSON; anything else becomes `BackendError` with `status`. */
export function decodeError(text: string, status: number): ApiError {
  const parsed = parseObject(text);
  const { code, message, details } = parsed;
  if (typeof code !== 'string' || typeof message !== 'string')
    return new ApiError({ status, code: 'BackendError', message: `A node answered ${status}: ${text.slice(0, 200)}` });
  const known = typeof parsed['status'] === 'number' ? parsed['status'] : status;
  const facts = typeof details === 'object' && details !== null ? (details as Record<string, unknown>) : {};
  return new ApiError({ status: known, code, message, details: facts });
}

/** A node that cannot be reached, or does not answer in time, is to its callers what a device that cannot be used is. */
export function nodeUnavailable(node: string, cause: unknown): ApiError {
  return new ApiError({
    status: 507,
    code: 'DeviceUnavailable',
    message: `The storage node ${node} did not answer: ${cause instanceof Error ? cause.message : cause}`,
    cause,
  });
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
