// What is written before the power goes, a pure function of a seed: who writes does it, who judges knows what must be there.
import { createCipheriv, createHash } from 'node:crypto';

/** Sector numbers of markers are multiples of this: one block each, so that no marker shares a block with another. */
export const MARKER_BYTES = 4096;
export const MOST_MARKERS = 4096;
export const CONTAINER = 'cut';
const MAGIC = 'MARTLET-ACK ';
const NAMES_PER_WRITER = 6;
const LARGE_BYTES = 1_500_000;

export interface Plan {
  seed: number;
  /** Steps of each writer. The first writer works alone; the others follow it, all at once. */
  steps: readonly number[];
}

export interface Step {
  kind: 'put' | 'post' | 'delete';
  name: string;
  /** What the body is made of, and the value of the object's metadata item. */
  mark: string;
  sizeBytes: number;
}

/** What was acknowledged: the container (writer -1), or a step of a writer. */
export interface Marker {
  writer: number;
  step: number;
}

/** The steps of one writer; each writes names of its own only, one step after the other. */
export function stepsOf(plan: Plan, writer: number): Step[] {
  const random = randomOf(`${plan.seed}/${writer}`);
  const present = new Set<string>();
  return Array.from({ length: plan.steps[writer] ?? 0 }, (_, index) => {
    const name = `w${writer}-${Math.floor(random() * NAMES_PER_WRITER)}`;
    const kind = present.has(name) ? kindFor(random()) : 'put';
    if (kind === 'put') present.add(name);
    if (kind === 'delete') present.delete(name);
    return { kind, name, mark: `${plan.seed}-${writer}-${index}`, sizeBytes: sizeFor(random(), random()) };
  });
}

/** Bytes that no other step's body has anywhere. */
export function bodyOf({ mark, sizeBytes }: Pick<Step, 'mark' | 'sizeBytes'>): Buffer {
  const key = createHash('md5').update(mark).digest();
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(sizeBytes));
}

export function encodeMarker(marker: Marker): Buffer {
  const block = Buffer.alloc(MARKER_BYTES);
  block.write(`${MAGIC}${JSON.stringify(marker)}\n`);
  return block;
}

/** Undefined where there is no marker. */
export function decodeMarker(block: Buffer): Marker | undefined {
  const text = block.toString('latin1', 0, 200);
  if (!text.startsWith(MAGIC)) return undefined;
  return JSON.parse(text.slice(MAGIC.length, text.indexOf('\n'))) as Marker;
}

/** 0 <= value < 1, the same series for the same seed. */
export function randomOf(seed: string): () => number {
  let count = 0;
  return () => {
    const digest = createHash('md5').update(`${seed}/${count}`).digest();
    count += 1;
    return digest.readUInt32BE(0) / 2 ** 32;
  };
}

function kindFor(value: number): Step['kind'] {
  if (value < 0.5) return 'put';
  return value < 0.65 ? 'post' : 'delete';
}

/** Mostly small, some near the size from which an object is a file of its own, a few beyond it; sometimes empty. */
function sizeFor(choice: number, within: number): number {
  if (choice < 0.05) return 0;
  if (choice < 0.75) return 1 + Math.floor(within * 20_000);
  if (choice < 0.92) return 60_000 + Math.floor(within * 250_000);
  return LARGE_BYTES + Math.floor(within * 1_000_000);
}
