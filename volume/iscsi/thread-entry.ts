import { type MessagePort, workerData } from 'node:worker_threads';
import { serveRpc } from '../../common/rpc/port-rpc.ts';
import type { BackingExtent, TargetExport } from '../targets/contract.ts';
import type { IscsiLogger } from './logger.ts';
import { IscsiServer } from './server.ts';

/** What the owner of the thread gives it. */
export interface IscsiThreadData {
  address: string;
  port: number;
  rpcPort: MessagePort;
  logPort: MessagePort;
}

/** A log line on its way to the owner's logger. */
export interface LogLine {
  level: keyof IscsiLogger;
  fields: object;
  message: string;
}

const { address, port, rpcPort, logPort } = workerData as IscsiThreadData;
const server = new IscsiServer({ address, port, log: logTo(logPort) });

/** What can be called from outside the thread. */
const methods = {
  start: async () => {
    await server.start();
    return server.portal;
  },
  stop: () => server.stop(),
  export: (target: TargetExport) => server.export(target),
  unexport: (iqn: string) => server.unexport(iqn),
  resize: (iqn: string, sizeBytes: number, extents?: readonly BackingExtent[]) =>
    server.resize(iqn, sizeBytes, extents),
  list: () => server.list(),
};

export type IscsiThreadMethods = typeof methods;

serveRpc(rpcPort, methods);

function logTo(target: MessagePort): IscsiLogger {
  const send = (level: LogLine['level']) => (fields: object, message: string) =>
    target.postMessage({ level, fields: { ...fields, ...errorText(fields) }, message } satisfies LogLine);
  return { debug: send('debug'), info: send('info'), warn: send('warn'), error: send('error') };
}

/** Errors lose their fields on the way to another thread: keep what a reader needs. */
function errorText(fields: object): { err?: { message: string; stack: string | undefined } } {
  const error = 'err' in fields ? fields.err : undefined;
  return error instanceof Error ? { err: { message: error.message, stack: error.stack } } : {};
}
