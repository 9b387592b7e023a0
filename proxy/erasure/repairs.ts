import type { ObjectName } from '../actions/read-object.ts';
import type { Cluster } from '../backend/cluster.ts';
import { MOST_WAITING_REPAIRS } from '../limits.ts';
import type { ErasureCodec } from './codec.ts';
import type { CodedBody } from './head.ts';
import { makeFragments } from './make-fragments.ts';

interface Repair {
  name: ObjectName;
  body: CodedBody;
  /** Of the body, as its head has it. */
  etag: string;
  index: number;
}

/** Makes fragments again that a reader found lost, one at a time; what is beyond the queue is made when it is read again. */
export class FragmentRepairs {
  private readonly cluster: Cluster;
  private readonly codec: ErasureCodec;
  private readonly waiting = new Map<string, Repair>();
  private running = false;

  constructor(cluster: Cluster, codec: ErasureCodec) {
    this.cluster = cluster;
    this.codec = codec;
  }

  add(repair: Repair): void {
    if (this.waiting.size >= MOST_WAITING_REPAIRS) return;
    const { account, container, object } = repair.name;
    this.waiting.set(`${repair.body.id}/${repair.index}/${account}/${container}/${object}`, repair);
    if (!this.running) void this.run();
  }

  private async run(): Promise<void> {
    this.running = true;
    for (const [key, repair] of this.waiting) {
      try {
        const { index, ...body } = repair;
        await makeFragments(this.cluster, this.codec, { ...body, indexes: [index] });
      } catch (error) {
        this.cluster.logger.warn({ err: error, fragment: repair.index }, 'a fragment could not be made again');
      }
      this.waiting.delete(key);
    }
    this.running = false;
  }
}
