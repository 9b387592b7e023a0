import { setTimeout as delay } from 'node:timers/promises';
import { ApiError } from '../../common/errors.ts';
import type { ComputeContext } from '../context.ts';
import { prepareDisks } from '../disks/prepare.ts';
import { badRequest, faultMessageOf } from '../errors.ts';
import { VOLUME_POLL_MS, VOLUME_READY_TIMEOUT_MS } from '../limits.ts';
import { asUser, ownToken, patiently } from '../services.ts';
import type { DeviceRecord, ServerRecord } from '../store/records.ts';
import { devicesOf, updateDevice, updateServer } from '../store/servers.ts';
import { releaseVolume } from './release-volume.ts';
import { runGuest } from './run-guest.ts';

/**
 * Makes a server run for the first time: disks, volumes, guest. Every step finds what an interrupted try has left and goes on from there.
 *
 * @param userToken undefined after a restart: then images are asked for with the service's own token.
 */
export async function buildServer(
  context: ComputeContext,
  serverId: string,
  userToken: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const stored = await context.tables.servers.get(serverId);
  if (stored?.record.taskState !== 'spawning') return;
  const server = stored.record;
  try {
    await context.operations.build(async () => {
      const token = userToken ?? (await patiently(signal, () => ownToken(context)));
      await context.hypervisor.assertReady();
      await context.hypervisor.powerOff(serverId, true); // one that an earlier try started
      await prepareDisks(context, server, token, signal);
      for (const device of await devicesOf(context, serverId)) await makeVolume(context, device, token, signal);
      await runGuest(context, server, signal);
    });
    await updateServer(context, serverId, (each) => ({
      ...each,
      vmState: 'active',
      taskState: each.taskState === 'spawning' ? null : each.taskState,
      launchedMs: context.clock.nowMs(),
    }));
  } catch (error) {
    if (signal.aborted) return; // who interrupted takes over
    context.logger.warn({ err: error, server: serverId }, 'a server could not be built');
    await failServer(context, server, error, signal);
  }
}

/** Undoes what a build has made and says why it failed. The server stays, in error, for a person to see and delete. */
async function failServer(
  context: ComputeContext,
  server: ServerRecord,
  error: unknown,
  signal: AbortSignal,
): Promise<void> {
  const code = error instanceof ApiError ? error.status : 500;
  const fault = { code, message: faultMessageOf(error), createdMs: context.clock.nowMs() };
  await context.hypervisor.destroy(server.id);
  for (const device of await devicesOf(context, server.id)) {
    await releaseVolume(context, device, signal).catch((cause: unknown) =>
      context.logger.error(
        { err: cause, server: server.id, volume: device.volumeId },
        'a volume could not be released',
      ),
    );
  }
  await updateServer(context, server.id, (each) => ({
    ...each,
    vmState: 'error',
    taskState: each.taskState === 'spawning' ? null : each.taskState,
    fault,
  }));
}

/** The volume that this device asks for: made from an image or blank, waited for, reserved. Does nothing for one that is reserved. */
async function makeVolume(
  context: ComputeContext,
  device: DeviceRecord,
  token: string,
  signal: AbortSignal,
): Promise<void> {
  if (device.attachmentId !== null) return;
  const { volumes } = context;
  const volumeId = device.volumeId ?? (await createVolume(context, device, token));
  await untilAvailable(context, volumeId, token, signal);
  await updateDevice(context, device.id, (each) => ({ ...each, state: 'reserving' }));
  const { id } = await volumes.createAttachment(await asUser(context, { token }), {
    volumeId,
    serverId: device.serverId,
  });
  await updateDevice(context, device.id, (each) => ({ ...each, attachmentId: id, state: 'reserved' }));
}

async function createVolume(context: ComputeContext, device: DeviceRecord, token: string): Promise<string> {
  const { source } = device;
  if (!source) throw badRequest(`Block device ${device.deviceName} names no volume.`);
  const { id } = await context.volumes.createVolume(await asUser(context, { token }), {
    size: source.sizeGib,
    name: '',
    ...(source.kind === 'image' && { imageRef: source.imageId }),
  });
  await updateDevice(context, device.id, (each) => ({ ...each, volumeId: id }));
  return id;
}

async function untilAvailable(
  context: ComputeContext,
  volumeId: string,
  token: string,
  signal: AbortSignal,
): Promise<void> {
  const deadline = context.clock.nowMs() + VOLUME_READY_TIMEOUT_MS;
  for (;;) {
    const { status } = await context.volumes.showVolume(await asUser(context, { token }), volumeId);
    if (status === 'available') return;
    if (status !== 'creating' && status !== 'downloading')
      throw badRequest(`Volume ${volumeId} is in status ${status}.`);
    if (context.clock.nowMs() > deadline) throw badRequest(`Volume ${volumeId} did not become available in time.`);
    await delay(VOLUME_POLL_MS, undefined, { signal });
  }
}
