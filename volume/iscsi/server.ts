import { createServer, type Server, type Socket } from 'node:net';
import type { BackingExtent, ExportedTarget, IscsiTargets, TargetExport, TargetPortal } from '../targets/contract.ts';
import type { DiskCalls } from './backing/extent-file.ts';
import type { HolePuncher } from './backing/punch-hole.ts';
import { Semaphore } from './backing/semaphore.ts';
import { Exports } from './exports.ts';
import { LOGIN_TIMEOUT_MS, MAX_CONNECTIONS, MAX_CONNECTIONS_IN_LOGIN, MAX_SOLICITED_BYTES, TICK_MS } from './limits.ts';
import type { IscsiLogger } from './logger.ts';
import { Connection } from './session/connection.ts';
import { Login, type LoginStep } from './session/login.ts';
import { Session } from './session/session.ts';
import { sameName } from './session/target.ts';
import type { Pdu } from './wire/pdu.ts';

export interface IscsiServerOptions {
  /** Address to listen on. */
  address: string;
  /** TCP port; 0 for a free one. */
  port: number;
  log: IscsiLogger;
  puncher?: HolePuncher;
  disk?: DiskCalls;
  loginTimeoutMs?: number;
}

/**
 * The iSCSI target: listens, takes connections through login, keeps their sessions. All sessions of a volume are in this one process
 * and thread, which is what makes reservations, COMPARE AND WRITE and a failed flush hold for all of them.
 */
export class IscsiServer implements IscsiTargets {
  readonly #options: IscsiServerOptions;
  readonly #exports: Exports;
  readonly #server: Server;
  readonly #solicited = new Semaphore(MAX_SOLICITED_BYTES);
  readonly #inLogin = new Set<Connection>();
  readonly #sessions = new Set<Session>();
  #ticker: NodeJS.Timeout | undefined;
  #stopping = false;
  #lastTsih = 0;
  #portal: TargetPortal;

  constructor(options: IscsiServerOptions) {
    this.#options = options;
    this.#portal = { address: options.address, port: options.port };
    this.#exports = new Exports(options);
    this.#server = createServer({ noDelay: true, keepAlive: true }, (socket) => this.#accept(socket));
  }

  get portal(): TargetPortal {
    return this.#portal;
  }

  /** Listens. @throws system errors, such as EADDRINUSE. */
  async start(): Promise<void> {
    const { address, port } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host: address, port }, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    const bound = this.#server.address();
    if (bound !== null && typeof bound === 'object') this.#portal = { address, port: bound.port };
    this.#server.on('error', (err) => this.#options.log.error({ err }, 'the iSCSI socket failed'));
    this.#ticker = setInterval(() => this.#tick(), TICK_MS).unref();
  }

  /** Ends all sessions, closes all volumes and the socket. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#ticker);
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    for (const connection of this.#inLogin) connection.destroy();
    await Promise.all([...this.#sessions].map((session) => session.end()));
    await Promise.all(this.#exports.names.map((iqn) => this.#exports.remove(iqn)));
    await closed;
  }

  export(target: TargetExport): Promise<void> {
    return this.#exports.add(target);
  }

  unexport(iqn: string): Promise<void> {
    return this.#exports.remove(iqn);
  }

  resize(iqn: string, sizeBytes: number, extents?: readonly BackingExtent[]): Promise<void> {
    return this.#exports.resize(iqn, sizeBytes, extents);
  }

  async list(): Promise<readonly ExportedTarget[]> {
    return this.#exports.list();
  }

  #accept(socket: Socket): void {
    const connections = this.#inLogin.size + this.#sessions.size;
    if (this.#stopping || this.#inLogin.size >= MAX_CONNECTIONS_IN_LOGIN || connections >= MAX_CONNECTIONS) {
      this.#options.log.warn({ peer: socket.remoteAddress }, 'too many iSCSI connections; one was refused');
      socket.destroy();
      return;
    }
    const connection = new Connection(socket);
    const login = new Login(this.#exports, () => this.#newTsih());
    const timeout = setTimeout(() => connection.destroy(), this.#options.loginTimeoutMs ?? LOGIN_TIMEOUT_MS);
    this.#inLogin.add(connection);
    let over = false;
    connection.handler = {
      receive: (pdu: Pdu) => {
        if (over) return connection.destroy(); // nothing may come before our last answer
        const step = login.step(pdu);
        over = step.outcome !== undefined || step.refused !== undefined;
        void this.#takeStep(connection, step, login.initiatorName);
      },
      streamFailed: () => {},
      closed: () => {
        clearTimeout(timeout);
        this.#inLogin.delete(connection);
      },
    };
    connection.onLoggedIn = () => clearTimeout(timeout);
  }

  async #takeStep(connection: Connection, step: LoginStep, initiator: string | undefined): Promise<void> {
    const { response, outcome, refused } = step;
    const { log } = this.#options;
    if (refused !== undefined) {
      log.warn({ peer: connection.peer, initiator, reason: refused }, 'iSCSI login refused');
      connection.send(response);
      return connection.end();
    }
    if (outcome === undefined) return connection.send(response);
    // The session that this one replaces ends first: its commands must not overtake ours. Spec: RFC 7143, 6.3.5
    const replaced = [...(outcome.target?.sessions ?? [])].filter(
      ({ isid, initiatorName }) => isid === outcome.isid && sameName(initiatorName, outcome.initiatorName),
    );
    if (replaced.length > 0) await Promise.all(replaced.map((session) => session.end()));
    if (!connection.open) return;
    if (this.#stopping || outcome.target?.closing === true) return connection.destroy();
    connection.send(response);
    connection.onLoggedIn?.();
    this.#inLogin.delete(connection);
    const session = new Session(connection, outcome, {
      solicited: this.#solicited,
      log,
      onEnd: () => this.#sessions.delete(session),
    });
    this.#sessions.add(session);
    const target = outcome.target?.definition.iqn ?? 'discovery';
    log.info({ peer: connection.peer, initiator: outcome.initiatorName, target }, 'iSCSI session begun');
  }

  #newTsih(): number {
    this.#lastTsih = (this.#lastTsih % 0xffff) + 1;
    return this.#lastTsih;
  }

  #tick(): void {
    const nowMs = performance.now();
    for (const session of this.#sessions) session.tick(nowMs);
  }
}
