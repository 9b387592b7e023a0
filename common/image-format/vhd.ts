import { type Finding, type Inspector, sizeOf } from './inspector.ts';

const COOKIE = Buffer.from('conectix', 'latin1');
const FOOTER_BYTES = 512;
const DISK_TYPE_FIXED = 2;
const DISK_TYPE_DYNAMIC = 3;

/**
 * Microsoft's VHD: a dynamic one begins with a copy of its footer, a fixed one has it at the end only. A differencing
 * disk, which names its parent, is a hazard.
 *
 * Spec: Microsoft, "Virtual Hard Disk Image Format Specification", hard disk footer format.
 */
export function* inspectVhd(): Inspector {
  const { bytes: head } = yield { offset: 0, length: FOOTER_BYTES };
  if (head.subarray(0, COOKIE.length).equals(COOKIE)) return readFooter(head);
  const { bytes: tail, totalBytes = 0 } = yield { tail: FOOTER_BYTES };
  return totalBytes > FOOTER_BYTES && tail.subarray(0, COOKIE.length).equals(COOKIE) ? readFooter(tail) : undefined;
}

function readFooter(footer: Buffer): Finding {
  if (footer.length < FOOTER_BYTES) return hazard('its footer is cut off');
  const type = footer.readUInt32BE(60);
  if (type !== DISK_TYPE_FIXED && type !== DISK_TYPE_DYNAMIC) return hazard('it is no fixed or dynamic disk');
  const virtualSizeBytes = sizeOf(footer.readBigUInt64BE(48));
  if (virtualSizeBytes === undefined) return hazard('its virtual size is impossible');
  return { format: 'vhd', virtualSizeBytes };
}

function hazard(text: string): Finding {
  return { format: 'vhd', hazard: text };
}
