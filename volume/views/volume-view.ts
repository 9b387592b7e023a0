import type { Microversion } from '../../openstack/microversions.ts';
import type { VolumeAttachmentSummary } from '../contract.ts';
import type { Caller, VolumeParts } from '../parts.ts';
import { hostOf } from '../scheduler/pool-states.ts';
import type { AttachmentRecord, VolumeRecord } from '../store/records.ts';
import { formatDate, formatDateOrNull } from './dates.ts';

export interface VolumeView {
  parts: Pick<VolumeParts, 'config' | 'policy'>;
  caller: Caller;
  version: Microversion;
  /** `http://host:8776/v3/<project>`, for links. */
  baseUrl: string;
  /** Names of types by their ids. */
  typeNames: ReadonlyMap<string, string>;
}

/** `{id, name, links}`: a volume in the short list. */
export function renderSummary(volume: VolumeRecord, view: VolumeView): Record<string, unknown> {
  return { id: volume.id, name: volume.name, links: linksOf(volume, view) };
}

/** A volume as create answers it. Spec: Block Storage API v3, "Create a volume". */
export function renderCreated(volume: VolumeRecord, view: VolumeView): Record<string, unknown> {
  return {
    id: volume.id,
    status: volume.status,
    size: volume.sizeGib,
    availability_zone: volume.availabilityZone,
    created_at: formatDate(volume.createdAtMs),
    updated_at: formatDateOrNull(volume.updatedAtMs),
    name: volume.name,
    description: volume.description,
    volume_type: view.typeNames.get(volume.typeId) ?? null,
    snapshot_id: null,
    source_volid: volume.sourceVolumeId,
    metadata: shownMetadata(volume),
    links: linksOf(volume, view),
    user_id: volume.userId,
    bootable: String(volume.bootable),
    encrypted: false,
    replication_status: null,
    consistencygroup_id: null,
    multiattach: volume.multiattach,
    attachments: volume.attachments.filter(isAttached).map((each) => renderAttached(volume, each, view)),
    ...(view.caller.isAdmin && { migration_status: null }),
    ...newerFields(volume, view),
  };
}

/** A volume as show and detail answer it: with what its owner, and with what an administrator may see. */
export function renderVolume(volume: VolumeRecord, view: VolumeView): Record<string, unknown> {
  const target = { project_id: volume.projectId, user_id: volume.userId };
  const maySee = (attribute: string): boolean =>
    view.parts.policy.allows(`volume_extension:${attribute}`, view.caller.identity, target);
  return {
    ...renderCreated(volume, view),
    ...(maySee('volume_tenant_attribute') && { 'os-vol-tenant-attr:tenant_id': volume.projectId }),
    ...(volume.imageMetadata && { volume_image_metadata: volume.imageMetadata }),
    ...(maySee('volume_host_attribute') && {
      'os-vol-host-attr:host': volume.backend === null ? null : hostOf(view.parts, volume.backend),
    }),
    ...(maySee('volume_mig_status_attribute') && {
      'os-vol-mig-status-attr:migstat': null,
      'os-vol-mig-status-attr:name_id': null,
    }),
  };
}

/** A read-only volume says so in its metadata, as Cinder's does. */
function shownMetadata(volume: VolumeRecord): Record<string, string> {
  return volume.readOnly ? { ...volume.metadata, readonly: 'True' } : volume.metadata;
}

interface NewerField {
  since: number;
  adminOnly?: true;
  name: string;
  value: (volume: VolumeRecord) => unknown;
}

/** Fields by the minor version that brought them. Spec: Cinder, "REST API Version History". */
const NEWER_FIELDS: readonly NewerField[] = [
  { since: 13, name: 'group_id', value: () => null },
  { since: 21, adminOnly: true, name: 'provider_id', value: () => null },
  { since: 48, name: 'service_uuid', value: () => null },
  { since: 48, name: 'shared_targets', value: () => false },
  { since: 61, adminOnly: true, name: 'cluster_name', value: () => null },
  { since: 63, name: 'volume_type_id', value: ({ typeId }) => typeId },
  { since: 65, name: 'consumes_quota', value: () => true },
];

function newerFields(volume: VolumeRecord, { version, caller }: VolumeView): Record<string, unknown> {
  const fields = NEWER_FIELDS.filter(
    ({ since, adminOnly }) => version.minor >= since && (!adminOnly || caller.isAdmin),
  );
  return Object.fromEntries(fields.map(({ name, value }) => [name, value(volume)]));
}

function isAttached({ status }: AttachmentRecord): boolean {
  return status === 'attached';
}

function renderAttached(
  volume: VolumeRecord,
  attachment: AttachmentRecord,
  { caller }: VolumeView,
): VolumeAttachmentSummary {
  const maySeeHost = caller.isAdmin || caller.isVouchedByService;
  return {
    id: volume.id,
    attachment_id: attachment.id,
    volume_id: volume.id,
    server_id: attachment.serverId,
    host_name: maySeeHost ? attachment.hostName : null,
    device: attachment.device,
    attached_at: formatDateOrNull(attachment.attachedAtMs),
  };
}

function linksOf(volume: VolumeRecord, { baseUrl }: VolumeView): { rel: string; href: string }[] {
  const bookmark = baseUrl.replace('/v3', '');
  return [
    { rel: 'self', href: `${baseUrl}/volumes/${volume.id}` },
    { rel: 'bookmark', href: `${bookmark}/volumes/${volume.id}` },
  ];
}
