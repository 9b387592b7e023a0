import type { RenderError } from '../common/http/app.ts';

/** Names of faults by status, as Cinder and Nova answer them. Spec: Compute API guide, "Faults". */
const FAULT_NAMES: Readonly<Record<number, string>> = {
  400: 'badRequest',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'itemNotFound',
  405: 'badMethod',
  406: 'computeFault',
  409: 'conflictingRequest',
  413: 'overLimit',
  415: 'badMediaType',
  429: 'overLimit',
  501: 'notImplemented',
  503: 'serviceUnavailable',
};

/** `{"itemNotFound": {"code": 404, "message": "…"}}`: the JSON fault of Cinder and Nova. */
export const renderFault: RenderError = (error) => ({
  contentType: 'application/json',
  body: JSON.stringify({
    [FAULT_NAMES[error.status] ?? 'computeFault']: { code: error.status, message: error.message, ...error.details },
  }),
});
