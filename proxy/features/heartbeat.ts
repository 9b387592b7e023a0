import { HEARTBEAT_MS } from '../limits.ts';
import type { Content } from '../message.ts';

export interface HeartbeatOptions {
  /** The first sign of life, where one is needed before the work is done. */
  first?: string;
  /** Whether that is sent at once. */
  isImmediate?: boolean;
}

/**
 * A report when the work is done; blanks before it while it takes long, so that nobody takes the connection for dead. The work begins
 * with the answer, and goes to its end also where the client goes away.
 *
 * @param work never rejects: what fails stands in the report.
 */
export function withHeartbeat(work: () => Promise<string>, options: HeartbeatOptions = {}): Content {
  const { first = ' ', isImmediate = false } = options;
  return {
    sizeBytes: undefined,
    async *read() {
      const report = work();
      let hasBegun = isImmediate;
      if (isImmediate) yield Buffer.from(first);
      for (;;) {
        let timer: NodeJS.Timeout | undefined;
        const beat = new Promise<undefined>((resolve) => {
          timer = setTimeout(() => resolve(undefined), HEARTBEAT_MS);
        });
        const done = await Promise.race([report, beat]);
        clearTimeout(timer);
        if (done !== undefined) {
          yield Buffer.from(hasBegun ? `\r\n\r\n${done}` : done);
          return;
        }
        yield Buffer.from(hasBegun ? ' ' : first);
        hasBegun = true;
      }
    },
    async close() {},
  };
}

/** Before the blanks of a report in XML. */
export const XML_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n';
