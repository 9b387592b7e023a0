import { randomUUID } from 'node:crypto';
import { ApiError } from '../../../common/errors.ts';
import type { VolumeClient } from '../../../compute/context.ts';
import type { AttachmentBody, ConnectionInfo, Connector, VolumeBody, VolumeStatus } from '../../../volume/contract.ts';

type Attachment = AttachmentBody & { connector: Connector | null };

/** The volume service's side of the handshake, in memory: its states and its refusals. */
export class FakeVolumes implements VolumeClient {
  readonly volumes = new Map<string, VolumeBody>();
  readonly attachments = new Map<string, Attachment>();
  /** Names of the calls that changed something, in order. */
  readonly calls: string[] = [];
  /** Thrown by the next call of that name. */
  readonly failures = new Map<keyof VolumeClient, ApiError>();

  add(fields: Partial<VolumeBody> = {}): VolumeBody {
    const volume: VolumeBody = {
      id: randomUUID(),
      name: null,
      description: null,
      status: 'available',
      size: 1,
      bootable: 'false',
      encrypted: false,
      multiattach: false,
      availability_zone: 'nova',
      volume_type: '__DEFAULT__',
      user_id: 'alice',
      metadata: {},
      attachments: [],
      created_at: '2026-11-21T00:00:00.000000',
      updated_at: null,
      ...fields,
    };
    this.volumes.set(volume.id, volume);
    return volume;
  }

  statusOf(id: string): VolumeStatus | undefined {
    return this.volumes.get(id)?.status;
  }

  showVolume: VolumeClient['showVolume'] = async (_caller, id) => ({ ...this.volume('showVolume', id) });

  createVolume: VolumeClient['createVolume'] = async (_caller, { size, imageRef }) => {
    this.enter('createVolume');
    return this.add({ size: size ?? 1, bootable: imageRef ? 'true' : 'false' });
  };

  deleteVolume: VolumeClient['deleteVolume'] = async (_caller, id) => {
    const { status } = this.volume('deleteVolume', id);
    if (status !== 'available') throw refusal(400, `volume is ${status}`);
    this.volumes.delete(id);
  };

  createAttachment: VolumeClient['createAttachment'] = async (_caller, { volumeId, serverId }) => {
    const volume = this.volume('createAttachment', volumeId);
    if (volume.status !== 'available') throw refusal(400, `volume is ${volume.status}`);
    volume.status = 'reserved';
    const attachment: Attachment = {
      id: randomUUID(),
      status: 'reserved',
      instance: serverId,
      volume_id: volumeId,
      attached_at: null,
      detached_at: null,
      attach_mode: null,
      connection_info: {},
      connector: null,
    };
    this.attachments.set(attachment.id, attachment);
    return attachment;
  };

  updateAttachment: VolumeClient['updateAttachment'] = async (caller, id, connector) => {
    const attachment = this.attachment('updateAttachment', id);
    if (!caller.serviceToken) throw refusal(403, 'not a service');
    this.setStatus(attachment.volume_id, 'attaching');
    const connection_info = connectionOf(attachment);
    Object.assign(attachment, { status: 'attaching', connector, connection_info });
    return { ...attachment, connection_info };
  };

  showAttachment: VolumeClient['showAttachment'] = async (_caller, id) => ({
    ...this.attachment('showAttachment', id),
  });

  completeAttachment: VolumeClient['completeAttachment'] = async (_caller, id) => {
    const attachment = this.attachment('completeAttachment', id);
    attachment.status = 'attached';
    this.setStatus(attachment.volume_id, 'in-use');
  };

  deleteAttachment: VolumeClient['deleteAttachment'] = async (caller, id) => {
    this.enter('deleteAttachment');
    if (!caller.serviceToken) throw refusal(409, 'a service token is needed');
    const attachment = this.attachments.get(id);
    if (!attachment) return;
    this.attachments.delete(id);
    this.setStatus(attachment.volume_id, 'available');
  };

  beginDetaching: VolumeClient['beginDetaching'] = async (_caller, id) => {
    const volume = this.volume('beginDetaching', id);
    if (volume.status !== 'in-use') throw refusal(400, `volume is ${volume.status}`);
    volume.status = 'detaching';
  };

  rollDetaching: VolumeClient['rollDetaching'] = async (_caller, id) => {
    this.volume('rollDetaching', id).status = 'in-use';
  };

  listAttachments: VolumeClient['listAttachments'] = async (_caller, filter = {}) => {
    this.enter('listAttachments');
    return [...this.attachments.values()].filter(
      ({ volume_id, instance }) => volume_id === filter.volumeId && instance === filter.serverId,
    );
  };

  private enter(call: keyof VolumeClient): void {
    if (!call.startsWith('show') && !call.startsWith('list')) this.calls.push(call);
    const failure = this.failures.get(call);
    this.failures.delete(call);
    if (failure) throw failure;
  }

  private volume(call: keyof VolumeClient, id: string): VolumeBody {
    this.enter(call);
    const volume = this.volumes.get(id);
    if (!volume) throw refusal(404, `Volume ${id} could not be found.`);
    return volume;
  }

  private attachment(call: keyof VolumeClient, id: string): Attachment {
    this.enter(call);
    const attachment = this.attachments.get(id);
    if (!attachment) throw refusal(404, `Attachment ${id} could not be found.`);
    return attachment;
  }

  private setStatus(id: string, status: VolumeStatus): void {
    const volume = this.volumes.get(id);
    if (volume) volume.status = status;
  }
}

export function refusal(status: number, message: string): ApiError {
  return new ApiError({ status, code: 'VolumeServiceRefused', message });
}

function connectionOf({ id, volume_id }: Attachment): ConnectionInfo {
  return {
    driver_volume_type: 'iscsi',
    attachment_id: id,
    enforce_multipath: false,
    target_discovered: false,
    target_portal: '127.0.0.1:3260',
    target_iqn: `iqn.2026-11.test:${id}`,
    target_lun: 1,
    volume_id,
    auth_method: 'CHAP',
    auth_username: 'user',
    auth_password: 'chap-secret-of-the-test',
    access_mode: 'rw',
    encrypted: false,
    qos_specs: null,
    cacheable: false,
    discard: true,
  };
}
