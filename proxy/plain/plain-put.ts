import { ApiError } from '../../common/errors.ts';
import { httpDateOf } from '../../common/timestamp.ts';
import { MOST_WHOLE_BYTES } from '../../object-server/contract.ts';
import { putWholeObject } from '../actions/put-whole-object.ts';
import type { KnownContainer } from '../backend/known-containers.ts';
import { HTML, isRefusal, refusal } from '../errors.ts';
import { decodeHeaders } from '../http/header-text.ts';
import { type NewObjectFields, newObjectFields } from '../routes/object-put.ts';
import type { Exchange, StraightServices } from './exchange.ts';
import { openPlainContainer } from './plain-container.ts';
import { wholeBody } from './whole-body.ts';

const LENGTH = /^\d{1,5}$/;

/**
 * Serves a PUT of at most MOST_WHOLE_BYTES whose length the client told, into a container that this thread knows without asking.
 *
 * @returns undefined where it does not apply, or the request would be refused before its body: nothing was read or sent.
 */
export function plainPut(exchange: Exchange, services: StraightServices): Promise<void> | undefined {
  if (services.encryption.encrypts) return undefined;
  const { headers, path } = exchange.request;
  const length = headers['content-length'];
  if (length === undefined || !LENGTH.test(length)) return undefined;
  const sizeBytes = Number(length);
  if (sizeBytes > Math.min(MOST_WHOLE_BYTES, services.maxFileBytes)) return undefined;
  if (!services.accounts.now(path.account)?.isPlain) return undefined;
  const container = openPlainContainer(exchange, services, 'writeAcl');
  if (!container || services.cluster.policies.byIndex(container.policyIndex)?.coding) return undefined;
  try {
    const fields = newObjectFields(decodeHeaders(headers), path.object, services.cluster.clock);
    // What goes one day is noted before it is stored: the pipeline does that.
    if (fields.metadata['x-delete-at'] !== undefined) return undefined;
    return store(exchange, services, { container, fields, sizeBytes });
  } catch (error) {
    if (error instanceof ApiError) return undefined; // the pipeline says it again, and why
    throw error;
  }
}

interface PlainStoring {
  container: KnownContainer;
  fields: NewObjectFields;
  sizeBytes: number;
}

async function store(exchange: Exchange, services: StraightServices, storing: PlainStoring): Promise<void> {
  const { container, fields, sizeBytes } = storing;
  const { account, container: containerName, object } = exchange.request.path;
  const bytes = await wholeBody(exchange.incoming, sizeBytes, services.clientTimeoutMs);
  const { etag, timestamp } = await putWholeObject(services.cluster, {
    name: { account, container: containerName, object, policyIndex: container.policyIndex },
    contentType: fields.contentType,
    metadata: fields.metadata,
    expectedEtag: fields.expectedEtag,
    bytes,
    reports: container.reports,
  }).catch((error: unknown) => {
    if (isRefusal(error, 'OlderVersion')) throw refusal(409, { cause: error });
    throw error;
  });
  exchange.answer(201, ['Etag', etag, 'Last-Modified', httpDateOf(timestamp), 'Content-Type', HTML], 0, undefined);
}
