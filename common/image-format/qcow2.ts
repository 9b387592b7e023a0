import { type Finding, type Inspector, sizeOf } from './inspector.ts';

const MAGIC = Buffer.from('QFI\xfb', 'latin1');
const QED_MAGIC = Buffer.from('QED\0', 'latin1');
const V2_HEADER_BYTES = 72;
const V3_HEADER_BYTES = 104;
/** Dirty, corrupt, (external data file), compression type, extended L2 entries. */
const KNOWN_INCOMPATIBLE = 0b11011n;
const EXTERNAL_DATA_FILE = 0b00100n;

/**
 * QEMU's copy-on-write format, versions 2 and 3. A backing file, an external data file and incompatible features that nobody knows
 * are hazards: the first two make whoever opens the image read another file of its host.
 *
 * Spec: QEMU, docs/interop/qcow2.txt, "Header". CVE-2015-5163, CVE-2024-32498.
 */
export function* inspectQcow2(): Inspector {
  const { bytes: header } = yield { offset: 0, length: V3_HEADER_BYTES };
  if (!header.subarray(0, 4).equals(MAGIC)) return undefined;
  if (header.length < V2_HEADER_BYTES) return hazard('its header is cut off');
  const version = header.readUInt32BE(4);
  if (version !== 2 && version !== 3) return hazard(`version ${version} is not supported`);
  if (header.readBigUInt64BE(8) !== 0n) return hazard('it has a backing file');
  if (version === 3) {
    if (header.length < V3_HEADER_BYTES) return hazard('its header is cut off');
    const incompatible = header.readBigUInt64BE(72);
    if ((incompatible & EXTERNAL_DATA_FILE) !== 0n) return hazard('it has an external data file');
    const unknown = incompatible & ~(KNOWN_INCOMPATIBLE | EXTERNAL_DATA_FILE);
    if (unknown !== 0n) return hazard(`it needs unknown features (0x${unknown.toString(16)})`);
  }
  const virtualSizeBytes = sizeOf(header.readBigUInt64BE(24));
  if (virtualSizeBytes === undefined) return hazard('its virtual size is impossible');
  return { format: 'qcow2', virtualSizeBytes };
}

/** QEMU's abandoned QED: always a hazard, since it can name a backing file and nothing maintained reads it. */
export function* inspectQed(): Inspector {
  const { bytes } = yield { offset: 0, length: 4 };
  return bytes.equals(QED_MAGIC) ? { format: 'qed', hazard: 'QED images are not supported' } : undefined;
}

function hazard(text: string): Finding {
  return { format: 'qcow2', hazard: text };
}
