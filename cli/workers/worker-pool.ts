import { MessageChannel, Worker } from 'node:worker_threads';
import { youngGeneration } from '../../common/memory/young-generation.ts';
import { rpcClient, serveRpc } from '../../common/rpc/port-rpc.ts';
import type { DataWorkerSetup, ListenPlan, MainCalls, WorkerCalls } from './contract.ts';

/** Dozens of writes are in flight, each for milliseconds: they should be over when the next collection comes. */
const SEMI_SPACE_MIB = 8;

export interface WorkerPool {
  /** Opens the devices: the first worker alone, then the others. */
  openDevices(): Promise<void>;
  /** Opens the sockets in the first worker and shares them with the others. @throws what `listen` throws in a worker. */
  listen(plan: ListenPlan): Promise<void>;
  /** All workers refuse new requests and finish the running ones. They are never ended one by one: see DrainGate. */
  drain(limitMs: number): Promise<void>;
}

type CommonSetup = Omit<DataWorkerSetup, 'index' | 'main' | 'control'>;

interface RunningWorker {
  worker: Worker;
  calls: WorkerCalls;
}

/** Starts the data workers. One that ends or fails takes the process down: half a process is neither up nor down. */
export function startWorkers(
  count: number,
  setup: CommonSetup,
  main: MainCalls,
  onDeath: (error: Error) => void,
): WorkerPool {
  const workers = Array.from({ length: count }, (_, index) => startWorker(index, setup, main, onDeath));
  const [first, ...others] = workers;
  return {
    async openDevices() {
      await first?.calls.openDevices();
      await Promise.all(others.map(({ calls }) => calls.openDevices()));
    },
    async listen(plan) {
      if (!first) return;
      const fds = await first.calls.listen(plan);
      const shared: ListenPlan = {
        ...(fds.proxy === undefined ? {} : { proxy: { fd: fds.proxy } }),
        ...(fds.objectServer === undefined ? {} : { objectServer: { fd: fds.objectServer } }),
      };
      await Promise.all(others.map(({ calls }) => calls.listen(shared)));
    },
    async drain(limitMs) {
      await Promise.all(workers.map(({ calls }) => calls.drain(limitMs)));
      await Promise.all(others.map(({ calls }) => calls.closeDevices()));
      await first?.calls.closeDevices();
    },
  };
}

function startWorker(
  index: number,
  setup: CommonSetup,
  main: MainCalls,
  onDeath: (error: Error) => void,
): RunningWorker {
  const toMain = new MessageChannel();
  const toWorker = new MessageChannel();
  const workerData: DataWorkerSetup = { ...setup, index, main: toMain.port2, control: toWorker.port2 };
  const worker = new Worker(new URL('./data-worker-entry.js', import.meta.url), {
    workerData,
    transferList: [toMain.port2, toWorker.port2],
    name: `martlet-data-${index}`,
    resourceLimits: youngGeneration(SEMI_SPACE_MIB),
  });
  worker.on('error', onDeath);
  worker.on('exit', (code) => onDeath(new Error(`data worker ${index} ended with code ${code}`)));
  serveRpc(toMain.port1, main);
  return { worker, calls: rpcClient<WorkerCalls>(toWorker.port1).remote };
}
