import { type Static, Type } from '@sinclair/typebox';
import type { Connector } from '../contract.ts';
import { invalidInput } from '../errors.ts';
import { orNull, text } from './schemas.ts';

/** Connectors say a lot of their host (HBAs, NVMe names, …): what is not named here is not kept. */
export const connector = Type.Object({
  initiator: orNull(text),
  ip: orNull(text),
  host: orNull(text),
  platform: orNull(text),
  os_type: orNull(text),
  multipath: orNull(Type.Boolean()),
  mountpoint: orNull(text),
  mode: orNull(Type.Union([Type.Literal('rw'), Type.Literal('ro')])),
});

/** Spec: RFC 7143, 4.2.7: iqn., eui. and naa. names. */
const INITIATOR_NAME = /^(iqn\.\d{4}-\d{2}\.[^\s,]{1,200}|eui\.[0-9a-f]{16}|naa\.([0-9a-f]{16}|[0-9a-f]{32}))$/i;

/** @throws ApiError 400 without an iSCSI initiator name: every target here is iSCSI, and lets one initiator in. */
export function parseConnector(body: Static<typeof connector>): Connector {
  const { initiator, ip, host, platform, os_type, multipath, mountpoint, mode } = body;
  if (!initiator) throw invalidInput("Connector doesn't have required information: initiator");
  if (!INITIATOR_NAME.test(initiator)) throw invalidInput(`'${initiator.slice(0, 64)}' is no iSCSI initiator name`);
  return {
    initiator,
    ...(ip && { ip }),
    ...(host && { host }),
    ...(platform && { platform }),
    ...(os_type && { os_type }),
    ...(multipath != null && { multipath }),
    ...(mountpoint && { mountpoint }),
    ...(mode && { mode }),
  };
}
