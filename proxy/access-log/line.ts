/** What is logged of one request, when it is over. Texts are as Node has them: latin1. */
export interface AccessRecord {
  readonly clientAddress: string | undefined;
  readonly remoteAddress: string | undefined;
  readonly method: string;
  /** With its query, secrets masked. */
  readonly path: string;
  readonly protocol: string;
  readonly status: number;
  readonly referer: string | undefined;
  readonly userAgent: string | undefined;
  /** Masked. */
  readonly token: string | undefined;
  /** Of bodies, as they came and went. */
  readonly bytesReceived: number;
  readonly bytesSent: number;
  /** The ETag that the client sent. */
  readonly etag: string | undefined;
  readonly transactionId: string | undefined;
  readonly startMs: number;
  readonly endMs: number;
  readonly policyIndex: number | undefined;
}

/** What a field may hold as it is: all else is percent-encoded, so that no value ends its field or its line. */
const SAFE = /^[A-Za-z0-9_.~:/{}-]+$/;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/**
 * One line of the access log, in Swift's order of fields: separated by blanks, percent-encoded, `-` for what is empty or 0. `headers`,
 * `source` and `log_info` are always empty.
 *
 * Spec: Swift, "Logs": Proxy Logs.
 */
export function accessLine(record: AccessRecord): string {
  const { startMs, endMs } = record;
  const fields = [
    record.clientAddress,
    record.remoteAddress,
    datetimeOf(endMs),
    record.method,
    record.path,
    record.protocol,
    String(record.status),
    record.referer,
    record.userAgent,
    record.token,
    countOf(record.bytesReceived),
    countOf(record.bytesSent),
    record.etag,
    record.transactionId,
    undefined, // headers
    ((endMs - startMs) / 1000).toFixed(4),
    undefined, // source
    undefined, // log_info
    (startMs / 1000).toFixed(9),
    (endMs / 1000).toFixed(9),
    // Swift's formatter shows the index 0 as '0': it is a text there.
    record.policyIndex === undefined ? undefined : String(record.policyIndex),
  ];
  return `${fields.map(fieldOf).join(' ')}\n`;
}

function fieldOf(text: string | undefined): string {
  if (!text) return '-';
  if (SAFE.test(text)) return text;
  let encoded = '';
  for (const byte of Buffer.from(text, 'latin1')) {
    const character = String.fromCharCode(byte);
    encoded += SAFE.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}

function countOf(bytes: number): string | undefined {
  return bytes === 0 ? undefined : String(bytes);
}

/** `21/Nov/2026/13/08/59`, in UTC. */
function datetimeOf(ms: number): string {
  const date = new Date(ms);
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${two(date.getUTCDate())}/${MONTHS[date.getUTCMonth()]}/${date.getUTCFullYear()}`;
  return `${day}/${two(date.getUTCHours())}/${two(date.getUTCMinutes())}/${two(date.getUTCSeconds())}`;
}
