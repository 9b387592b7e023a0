import { inspectIso, inspectLuks, inspectPloop, inspectVdi } from './disks.ts';
import {
  type DetectedFormat,
  type Finding,
  type Inspector,
  MOST_REGION_BYTES,
  MOST_TAIL_BYTES,
  type Wanted,
} from './inspector.ts';
import { inspectPartitions } from './partitions.ts';
import { inspectQcow2, inspectQed } from './qcow2.ts';
import { inspectVhd } from './vhd.ts';
import { inspectVhdx } from './vhdx.ts';
import { inspectVmdk } from './vmdk.ts';

/** The verdict on a whole stream. */
export interface InspectionReport {
  format: DetectedFormat;
  /** Size of the disk inside; the stream's own length for `raw` and partitioned disks. */
  virtualSizeBytes: number;
  sizeBytes: number;
  /** Why the image must be refused, whatever it was declared to be; undefined for a harmless one. */
  hazard: string | undefined;
}

const INSPECTORS: readonly (readonly [Finding['format'], () => Inspector])[] = [
  ['qcow2', inspectQcow2],
  ['qed', inspectQed],
  ['vmdk', inspectVmdk],
  ['vdi', inspectVdi],
  ['vhd', inspectVhd],
  ['vhdx', inspectVhdx],
  ['iso', inspectIso],
  ['luks', inspectLuks],
  ['ploop', inspectPloop],
  ['mbr', inspectPartitions],
];

/**
 * Finds out what an image is while its bytes stream by, without any program that would open it. Keeps at most one bounded region per
 * format in memory. What it calls harmless names no other file.
 */
export class ImageInspection {
  private readonly runs = INSPECTORS.map(([format, start]) => new InspectorRun(format, start()));
  private passedBytes = 0;
  private tail: Buffer = Buffer.alloc(0);

  /** The next bytes of the stream, in order. */
  write(chunk: Buffer): void {
    for (const run of this.runs) run.write(chunk, this.passedBytes);
    this.passedBytes += chunk.length;
    this.tail = lastBytes(this.tail, chunk);
  }

  /** Why the image must be refused, as far as is known now: a hazard in a header shows long before the end. */
  get hazard(): string | undefined {
    return hazardOf(this.findings());
  }

  /** What the stream was, now that it has ended. */
  finish(): InspectionReport {
    for (const run of this.runs) run.finish(this.tail, this.passedBytes);
    const findings = this.findings();
    const finding = findings.find(({ format }) => !isPartitioned(format)) ?? findings[0];
    return {
      format: finding?.format ?? 'raw',
      virtualSizeBytes: finding?.virtualSizeBytes ?? this.passedBytes,
      sizeBytes: this.passedBytes,
      hazard: hazardOf(findings),
    };
  }

  private findings(): Finding[] {
    return this.runs.flatMap(({ finding }) => finding ?? []);
  }
}

/** A disc that boots from a stick too, and a fixed VHD, have a partition table of their own; nothing else is two things at once. */
function hazardOf(findings: readonly Finding[]): string | undefined {
  const bad = findings.find(({ hazard }) => hazard !== undefined);
  if (bad) return `${bad.format}: ${bad.hazard}`;
  const disks = findings.filter(({ format }) => !isPartitioned(format));
  const mayHoldPartitions = disks.every(({ format }) => format === 'iso' || format === 'vhd');
  if (disks.length < 2 && (disks.length === findings.length || mayHoldPartitions)) return undefined;
  return `it is ${findings.map(({ format }) => format).join(' and ')} at once`;
}

function isPartitioned(format: DetectedFormat): boolean {
  return format === 'gpt' || format === 'mbr';
}

function lastBytes(tail: Buffer, chunk: Buffer): Buffer {
  if (chunk.length >= MOST_TAIL_BYTES) return Buffer.from(chunk.subarray(chunk.length - MOST_TAIL_BYTES));
  return Buffer.concat([tail.subarray(Math.max(0, tail.length + chunk.length - MOST_TAIL_BYTES)), chunk]);
}

/** One inspector and the region it waits for. */
class InspectorRun {
  finding: Finding | undefined;
  /** What a stream that misleads the inspector is called. */
  private readonly format: Finding['format'];
  private readonly inspector: Inspector;
  private wanted: Wanted | undefined;
  private parts: Buffer[] = [];
  private collected = 0;

  constructor(format: Finding['format'], inspector: Inspector) {
    this.format = format;
    this.inspector = inspector;
    this.take(inspector.next(), 0);
  }

  write(chunk: Buffer, chunkOffset: number): void {
    while (this.wanted && 'offset' in this.wanted) {
      const { offset, length } = this.wanted;
      const from = offset + this.collected - chunkOffset;
      if (from >= chunk.length) return;
      const part = chunk.subarray(from, from + length - this.collected);
      this.parts.push(Buffer.from(part)); // a copy: the chunk's memory belongs to the stream
      this.collected += part.length;
      if (this.collected < length) return;
      this.resume(offset + length, undefined);
    }
  }

  finish(tail: Buffer, totalBytes: number): void {
    while (this.wanted) {
      if ('tail' in this.wanted) this.parts = [tail.subarray(Math.max(0, tail.length - this.wanted.tail))];
      this.resume(totalBytes, totalBytes);
    }
  }

  private resume(passedBytes: number, totalBytes: number | undefined): void {
    const bytes = Buffer.concat(this.parts);
    this.parts = [];
    this.collected = 0;
    this.take(this.inspector.next({ bytes, totalBytes }), passedBytes);
  }

  private take(step: IteratorResult<Wanted, Finding | undefined>, passedBytes: number): void {
    this.wanted = undefined;
    if (step.done) {
      this.finding = step.value;
      return;
    }
    const wanted = step.value;
    if ('offset' in wanted && (wanted.length > MOST_REGION_BYTES || wanted.offset < passedBytes)) {
      this.finding = { format: this.format, hazard: 'its structures are out of order' };
      return;
    }
    this.wanted = wanted;
  }
}
