import type { ApiError } from '../../common/errors.ts';
import { statusLineOf } from '../errors.ts';
import { MOST_FAILED_EXTRACTIONS } from '../limits.ts';
import { encodePath } from '../routes/path.ts';
import type { BulkReport } from './bulk-report.ts';

const MOST_NAME_CHARACTERS = 1_024;

/** What has become of an archive's files. */
export class ArchiveTally {
  private created = 0;
  private readonly errors: [string, string][] = [];
  private worst = 400;
  private stopped: ApiError | undefined;

  get isFull(): boolean {
    return this.errors.length >= MOST_FAILED_EXTRACTIONS;
  }

  succeeded(): void {
    this.created += 1;
  }

  /** @param name of an object or, with a slash and its account before it, of a container. */
  failed(name: string, status: number): void {
    if (status >= 500) this.worst = 502;
    this.errors.push([encodePath(name.slice(0, MOST_NAME_CHARACTERS)), statusLineOf(status)]);
  }

  /** Nothing more of the archive is looked at. */
  stop(error: ApiError): void {
    this.stopped = error;
  }

  report(): BulkReport {
    const [status, body] = this.outcome();
    return {
      fields: {
        'Response Status': status === 502 ? '502 Bad Gateway' : statusLineOf(status),
        'Response Body': body,
        'Number Files Created': this.created,
      },
      errors: this.errors,
    };
  }

  private outcome(): [status: number, body: string] {
    if (this.stopped) return [this.stopped.status, this.stopped.message];
    if (this.errors.length > 0) return [this.worst, ''];
    return this.created > 0 ? [201, ''] : [400, 'Invalid Tar File: No Valid Files'];
  }
}
