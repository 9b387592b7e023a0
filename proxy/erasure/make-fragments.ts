import type { ObjectName } from '../actions/read-object.ts';
import type { Cluster } from '../backend/cluster.ts';
import type { ErasureCodec } from './codec.ts';
import { CodedContent } from './coded-content.ts';
import { FragmentWriter } from './fragment-writer.ts';
import type { CodedBody } from './head.ts';
import { fragmentBytes, segmentCount } from './layout.ts';

export interface LostFragments {
  name: ObjectName;
  body: CodedBody;
  /** Of the body, as its head has it. */
  etag: string;
  indexes: readonly number[];
}

/**
 * Makes fragments again from the others. Nothing is visible before all of it is written: a crash in the middle leaves what was there.
 *
 * @param isStopped asked before each segment: whether to leave it.
 * @returns how many are durable now.
 * @throws ApiError 503 where too few are left.
 */
export async function makeFragments(
  cluster: Cluster,
  codec: ErasureCodec,
  { name, body, etag, indexes }: LostFragments,
  isStopped = () => false,
): Promise<number> {
  const content = new CodedContent({ cluster, codec, name, body });
  try {
    await content.locate();
    const writer = await FragmentWriter.open(cluster, name, body, new Set(indexes));
    try {
      for await (const { pieces } of content.segments(0, segmentCount(body) - 1)) {
        if (isStopped()) {
          await writer.abort();
          return 0;
        }
        await codec.encode(pieces, body);
        await writer.write(pieces);
      }
      await writer.commit(etag, fragmentBytes(body));
      return writer.writing;
    } catch (error) {
      await writer.abort();
      throw error;
    }
  } finally {
    await content.close();
  }
}
