import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MessageChannel, Worker } from 'node:worker_threads';
import { youngGeneration } from '../../common/memory/young-generation.ts';
import { rpcClient } from '../../common/rpc/port-rpc.ts';
import type { IscsiLogger } from '../iscsi/logger.ts';
import type { IscsiThreadData, IscsiThreadMethods, LogLine } from '../iscsi/thread-entry.ts';
import type { RunningTargets } from './contract.ts';

/** Commands in flight hold little beside their data, which is not on V8's heap. */
const SEMI_SPACE_MIB = 2;

export interface BuiltInTargetOptions {
  /** Address to listen on. */
  address: string;
  /** TCP port; 0 for a free one. */
  port: number;
  logger: IscsiLogger;
}

/**
 * Starts the built-in iSCSI target in a thread of its own: an initiator's traffic never waits for the control services, nor they for
 * it.
 *
 * @throws system errors of listening, such as EADDRINUSE.
 */
export async function startBuiltInTarget({ address, port, logger }: BuiltInTargetOptions): Promise<RunningTargets> {
  const rpc = new MessageChannel();
  const logs = new MessageChannel();
  const workerData: IscsiThreadData = { address, port, rpcPort: rpc.port2, logPort: logs.port2 };
  const worker = new Worker(entryFile(), {
    workerData,
    transferList: [rpc.port2, logs.port2],
    name: 'iscsi',
    resourceLimits: youngGeneration(SEMI_SPACE_MIB),
  });
  let stopping = false;
  const failed = new Promise<Error>((resolve) => {
    let cause: unknown;
    worker.on('error', (error) => {
      cause = error;
    });
    worker.on('exit', (code) => {
      if (!stopping) resolve(new Error(`the iSCSI thread ended with code ${code}`, { cause }));
    });
  });
  const { remote } = rpcClient<IscsiThreadMethods>(rpc.port1);
  logs.port1.on('message', ({ level, fields, message }: LogLine) => logger[level](fields, message));
  logs.port1.unref();
  const terminate = async () => {
    stopping = true;
    await worker.terminate();
  };
  try {
    const portal = await remote.start();
    return {
      portal,
      failed,
      export: (target) => remote.export(target),
      unexport: (iqn) => remote.unexport(iqn),
      resize: (iqn, sizeBytes, extents) => remote.resize(iqn, sizeBytes, extents),
      list: () => remote.list(),
      stop: async () => {
        stopping = true;
        await remote.stop();
        await terminate();
      },
    };
  } catch (error) {
    await terminate();
    throw error;
  }
}

/** The thread's entry beside us, compiled or not as we are. */
function entryFile(): string {
  const extension = extname(fileURLToPath(import.meta.url));
  return fileURLToPath(new URL(`../iscsi/thread-entry${extension}`, import.meta.url));
}
