import { ApiError } from '../../common/errors.ts';
import { statusLineOf } from '../errors.ts';
import { MOST_FAILED_DELETES, SUBREQUEST_CONCURRENCY } from '../limits.ts';
import { type Handler, type ProxyRequest, type ProxyResponse, subrequest } from '../message.ts';
import { encodePath } from '../routes/path.ts';
import { type BulkReport, renderReport } from './bulk-report.ts';
import { concurrently } from './concurrently.ts';
import { withHeartbeat, XML_DECLARATION } from './heartbeat.ts';

/** What to delete, `container[/object]`; with an error, it is only reported. */
export interface Doomed {
  name: string;
  /** Of that version alone. */
  versionId?: string;
  error?: { status: number; message: string /** Percent-encoded; from `name` where absent. */; shownAs?: string };
}

/**
 * Deletes objects, then containers, and reports: the status of the answer is 200 whatever happens, the real one is in its body.
 *
 * Spec: Swift, "Bulk Operations": Bulk Delete.
 */
export function bulkDeletion(
  request: ProxyRequest,
  contentType: string,
  next: Handler,
  collectDoomed: () => Promise<readonly Doomed[]>,
): ProxyResponse {
  const work = async () => renderReport(contentType, await deleteAll(request, next, collectDoomed), 'delete');
  return {
    status: 200,
    headers: { 'content-type': contentType },
    body: withHeartbeat(work, contentType.endsWith('/xml') ? { first: XML_DECLARATION } : {}),
  };
}

async function deleteAll(
  request: ProxyRequest,
  next: Handler,
  collectDoomed: () => Promise<readonly Doomed[]>,
): Promise<BulkReport> {
  const tally = new Tally();
  try {
    const doomed = (await collectDoomed()).filter(({ name }) => name.replace(/\/+/g, '') !== '');
    const isObject = ({ name }: Doomed) => trimSlashes(name).includes('/');
    await concurrently(doomed.filter(isObject), SUBREQUEST_CONCURRENCY, (each) =>
      deleteOne(request, next, each, tally),
    );
    await concurrently(
      doomed.filter((each) => !isObject(each)),
      SUBREQUEST_CONCURRENCY,
      (each) => deleteOne(request, next, each, tally),
    );
    return tally.report();
  } catch (error) {
    if (!(error instanceof ApiError)) request.context.log.error({ err: error }, 'a bulk delete failed');
    return tally.report(error instanceof ApiError ? error : undefined, true);
  }
}

class Tally {
  private deleted = 0;
  private notFound = 0;
  private readonly errors: [string, string][] = [];
  private worst = 400;

  count(name: string, status: number, message?: string, shownAs = encodePath(name)): void {
    if (status < 300) this.deleted += 1;
    else if (status === 404) this.notFound += 1;
    else this.errors.push([shownAs, message ?? statusLineOf(status)]);
    if (status >= 500) this.worst = 502;
    if (this.errors.length >= MOST_FAILED_DELETES)
      throw new ApiError({ status: 400, code: 'BadRequest', message: 'Max delete failures exceeded' });
  }

  report(stopped?: ApiError, isStopped = false): BulkReport {
    let status = this.errors.length > 0 ? this.worst : 200;
    let body = '';
    if (isStopped) {
      status = stopped?.status ?? 500;
      body = stopped?.message ?? '';
    } else if (this.errors.length === 0 && this.deleted + this.notFound === 0) {
      status = 400;
      body = 'Invalid bulk delete.';
    }
    return {
      fields: {
        'Number Deleted': this.deleted,
        'Number Not Found': this.notFound,
        'Response Body': body,
        'Response Status': status === 502 ? '502 Bad Gateway' : statusLineOf(status),
      },
      errors: this.errors,
    };
  }
}

async function deleteOne(request: ProxyRequest, next: Handler, doomed: Doomed, tally: Tally): Promise<void> {
  if (doomed.error) {
    const { status, message, shownAs } = doomed.error;
    tally.count(doomed.name, status, message, shownAs);
    return;
  }
  if (doomed.name.includes('\0')) {
    tally.count(doomed.name, 412);
    return;
  }
  const [container = '', ...rest] = doomed.name.replace(/^\/+/, '').split('/');
  const object = rest.join('/');
  const path = { account: request.path.account, container, ...(object === '' ? {} : { object }) };
  const query = new Map(doomed.versionId === undefined ? [] : [['version-id', doomed.versionId]]);
  tally.count(doomed.name, await statusOf(next(subrequest(request, { method: 'DELETE', path, query }))));
}

async function statusOf(response: Promise<ProxyResponse>): Promise<number> {
  try {
    return (await response).status;
  } catch (error) {
    if (error instanceof ApiError) return error.status;
    throw error;
  }
}

function trimSlashes(text: string): string {
  return text.replace(/^\/+|\/+$/g, '');
}
