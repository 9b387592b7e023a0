import type { Command, Handler } from './command.ts';
import type { Notice } from './persistent-reservations.ts';
import { checkCondition, SENSE } from './sense.ts';

interface Parameters {
  port: string;
  /** RESERVATION KEY: the one we are registered under. */
  key: bigint;
  /** SERVICE ACTION RESERVATION KEY. */
  actionKey: bigint;
  type: number;
}

/** Spec: SPC-4, 6.16.2 */
export const register = change(({ lun }, { port, key, actionKey }) =>
  lun.unit.persistent.register(port, actionKey, key),
);

export const registerAndIgnoreExistingKey = change(({ lun }, { port, actionKey }) =>
  lun.unit.persistent.register(port, actionKey),
);

export const reservePersistently = change(({ lun }, { port, key, type }) => {
  lun.unit.persistent.reserve(port, key, type);
  return [];
});

export const releasePersistent = change(({ lun }, { port, key, type }) => lun.unit.persistent.release(port, key, type));

export const clear = change(({ lun }, { port, key }) => lun.unit.persistent.clear(port, key));

export const preempt = change(
  ({ lun }, { port, key, actionKey, type }) => lun.unit.persistent.preempt(port, key, actionKey, type).notices,
);

/**
 * As PREEMPT; it ends only when no command of those who lost their registration can reach the medium any more: clusters
 * fence with it. Spec: SPC-4, 5.13.11.2.6
 */
export const preemptAndAbort = change(async ({ lun }, { port, key, actionKey, type }) => {
  const { notices, ports } = lun.unit.persistent.preempt(port, key, actionKey, type);
  const preempted = [...lun.unit.nexuses].filter(({ initiatorPort }) => ports.includes(initiatorPort));
  await Promise.all(preempted.map((nexus) => nexus.abortCommands()));
  return notices;
});

/** Reads the parameter list, makes the change, tells who is concerned. */
function change(apply: (command: Command, parameters: Parameters) => Notice[] | Promise<Notice[]>): Handler {
  return async (command) => {
    const { cdb, lun, nexus, transfer } = command;
    const scope = cdb.readUInt8(2) >>> 4;
    const type = cdb.readUInt8(2) & 0x0f;
    if (scope !== 0) throw checkCondition(SENSE.invalidFieldInCdb);
    if (cdb.readUInt32BE(5) !== 24) throw checkCondition(SENSE.parameterListLengthError);
    const list = Buffer.concat(await transfer.receive(24));
    if (list.length < 24) throw checkCondition(SENSE.parameterListLengthError);
    const flags = list.readUInt8(20);
    if ((flags & 0x0d) !== 0) throw checkCondition(SENSE.invalidFieldInParameterList); // SPEC_I_PT, ALL_TG_PT, APTPL
    const port = nexus.initiatorPort;
    const notices = await apply(command, {
      port,
      key: list.readBigUInt64BE(0),
      actionKey: list.readBigUInt64BE(8),
      type,
    });
    for (const { initiatorPort, sense } of notices) lun.unit.attendPort(initiatorPort, sense);
    return undefined;
  };
}
