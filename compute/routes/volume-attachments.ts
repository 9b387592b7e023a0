import type { FastifyInstance } from 'fastify';
import { cutPage, parsePageQuery } from '../../openstack/paging.ts';
import { attachVolume } from '../actions/attach-volume.ts';
import { detachVolume } from '../actions/detach-volume.ts';
import { fullDeviceName } from '../actions/device-names.ts';
import type { ComputeContext } from '../context.ts';
import { attachmentNotFound, badRequest, conflict } from '../errors.ts';
import { MOST_PAGE } from '../limits.ts';
import { gated } from '../microversions.ts';
import { parseBody } from '../parse.ts';
import type { DeviceRecord } from '../store/records.ts';
import { devicesOf, findDevice, updateDevice } from '../store/servers.ts';
import { callerOf, findServer, noteAction, type Params, type QueryValues } from './request.ts';
import { attachmentUpdateBody, newAttachmentBody } from './schemas.ts';

const PATH = '/v2.1/servers/:id/os-volume_attachments';
const POLICY = 'os_compute_api:os-volumes-attachments';
const PAGING = { defaultLimit: MOST_PAGE, mostLimit: MOST_PAGE, sortable: [], defaultSort: [] };

/** Spec: Compute API, "Servers with volume attachments". */
export function volumeAttachmentRoutes(app: FastifyInstance, context: ComputeContext): void {
  app.get(PATH, async (request) => {
    const server = await findServer(context, request, `${POLICY}:index`);
    const { limit, offset } = request.query as QueryValues;
    const devices = (await devicesOf(context, server.id)).filter(({ attachmentId }) => attachmentId !== null);
    const from = /^\d{1,9}$/.test(String(offset ?? '')) ? Number(offset) : 0;
    const cut = cutPage(devices.slice(from), parsePageQuery({ limit }, PAGING), () => null);
    return { volumeAttachments: (cut?.page ?? []).map((device) => renderAttachment(device, request.computeMinor)) };
  });

  app.get(`${PATH}/:sub`, async (request) => {
    const server = await findServer(context, request, `${POLICY}:show`);
    const { sub } = request.params as Params;
    const device = await findDevice(context, server.id, sub);
    if (!device || device.attachmentId === null) throw attachmentNotFound(server.id, sub);
    return { volumeAttachment: renderAttachment(device, request.computeMinor) };
  });

  app.post(PATH, async (request) => {
    const server = await findServer(context, request, `${POLICY}:create`);
    const body = parseBody(newAttachmentBody, request.body).volumeAttachment;
    const device = await attachVolume(context, callerOf(request), server, {
      volumeId: body.volumeId.toLowerCase(),
      ...(body.device && { deviceName: fullDeviceName(body.device) }),
      deleteOnTermination: body.delete_on_termination ?? false,
      tag: body.tag ?? null,
    });
    await noteAction(context, request, server, 'attach_volume');
    return { volumeAttachment: renderAttachment(device, request.computeMinor) };
  });

  app.put(`${PATH}/:sub`, async (request, reply) => {
    const server = await findServer(context, request, `${POLICY}:update`);
    const { sub } = request.params as Params;
    const { volumeId, delete_on_termination: deleteOnTermination } = parseBody(
      attachmentUpdateBody,
      request.body,
    ).volumeAttachment;
    const device = await findDevice(context, server.id, sub);
    if (!device) throw attachmentNotFound(server.id, sub);
    if (volumeId.toLowerCase() !== sub) throw conflict('A volume is not exchanged for another while a guest has it.');
    if (request.computeMinor < 85) throw badRequest('What an attachment is can be changed from 2.85 on.');
    if (deleteOnTermination !== undefined)
      await updateDevice(context, device.id, (each) => ({ ...each, deleteOnTermination }));
    return reply.status(202).send();
  });

  app.delete(`${PATH}/:sub`, async (request, reply) => {
    const server = await findServer(context, request, `${POLICY}:delete`);
    const { sub } = request.params as Params;
    await detachVolume(context, callerOf(request), server, sub);
    await noteAction(context, request, server, 'detach_volume');
    return reply.status(202).send();
  });
}

function renderAttachment(device: DeviceRecord, minor: number): Record<string, unknown> {
  return gated('attachment', minor, {
    id: device.volumeId,
    volumeId: device.volumeId,
    serverId: device.serverId,
    device: device.deviceName,
    tag: device.tag,
    delete_on_termination: device.deleteOnTermination,
    attachment_id: device.attachmentId,
    bdm_uuid: device.uuid,
  });
}
