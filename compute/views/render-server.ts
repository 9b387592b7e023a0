import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { gated } from '../microversions.ts';
import { powerStateOf, statusOf } from '../state.ts';
import type { DeviceRecord, ServerRecord } from '../store/records.ts';
import { isoMicroTime, isoTime, linksOf } from './links.ts';
import { renderServerFlavor } from './render-flavor.ts';

export interface ServerView {
  base: string;
  minor: number;
  availabilityZone: string;
  /** Whether the caller may see where the server runs. */
  showsHost: boolean;
}

/** Spec: Compute API, "Servers", with the extensions that Nova always answers. */
export function renderServer(
  server: ServerRecord,
  devices: readonly DeviceRecord[],
  view: ServerView,
): Record<string, unknown> {
  const { base, minor } = view;
  const status = statusOf(server);
  return gated('server', minor, {
    id: server.id,
    name: server.name,
    status,
    tenant_id: server.projectId,
    user_id: server.userId,
    metadata: server.metadata,
    hostId: hostIdOf(server),
    image: server.image ? { id: server.image.id, links: linksOf(base, `images/${server.image.id}`).slice(1) } : '',
    flavor: renderServerFlavor(server.flavor, base, minor),
    created: isoTime(server.createdMs),
    updated: isoTime(server.updatedMs),
    addresses: {},
    accessIPv4: '',
    accessIPv6: '',
    links: linksOf(base, `servers/${server.id}`),
    'OS-DCF:diskConfig': 'MANUAL',
    ...(['ACTIVE', 'BUILD', 'REBOOT', 'HARD_REBOOT'].includes(status) && { progress: status === 'ACTIVE' ? 100 : 0 }),
    ...(server.fault && status === 'ERROR' && { fault: renderFault(server.fault) }),
    'OS-EXT-AZ:availability_zone': server.launchedMs === null ? '' : view.availabilityZone,
    config_drive: '',
    key_name: server.keyName,
    'OS-SRV-USG:launched_at': server.launchedMs === null ? null : isoMicroTime(server.launchedMs),
    'OS-SRV-USG:terminated_at': null,
    'OS-EXT-STS:task_state': server.taskState,
    'OS-EXT-STS:vm_state': server.vmState,
    'OS-EXT-STS:power_state': powerStateOf(server),
    'os-extended-volumes:volumes_attached': devices.flatMap((device) => renderVolume(device, minor)),
    security_groups: [{ name: 'default' }],
    locked: server.locked,
    locked_reason: null,
    description: server.description,
    tags: server.tags,
    trusted_image_certificates: null,
    server_groups: [],
    ...(view.showsHost ? hostAttributes(server) : {}),
    ...(minor >= 90 && { 'OS-EXT-SRV-ATTR:hostname': guestHostnameOf(server) }),
  });
}

/** The entry of the short list. */
export function renderServerSummary(
  { id, name }: ServerRecord,
  { base }: Pick<ServerView, 'base'>,
): Record<string, unknown> {
  return { id, name, links: linksOf(base, `servers/${id}`) };
}

function hostAttributes(server: ServerRecord): Record<string, unknown> {
  const host = server.launchedMs === null ? null : hostname();
  return {
    'OS-EXT-SRV-ATTR:host': host,
    'OS-EXT-SRV-ATTR:hypervisor_hostname': host,
    'OS-EXT-SRV-ATTR:instance_name': `martlet-${server.id}`,
    'OS-EXT-SRV-ATTR:reservation_id': server.reservationId,
    'OS-EXT-SRV-ATTR:launch_index': server.launchIndex,
    'OS-EXT-SRV-ATTR:hostname': guestHostnameOf(server),
    'OS-EXT-SRV-ATTR:kernel_id': server.directBoot?.kernelId ?? '',
    'OS-EXT-SRV-ATTR:ramdisk_id': server.directBoot?.ramdiskId ?? '',
    'OS-EXT-SRV-ATTR:root_device_name': '/dev/vda',
    'OS-EXT-SRV-ATTR:user_data': server.userData,
    host_status: 'UP',
  };
}

/** The name as a host name: letters, digits, dashes and dots. */
function guestHostnameOf({ name, id }: ServerRecord): string {
  const clean = name
    .toLowerCase()
    .replace(/[ _]/g, '-')
    .replace(/[^a-z0-9.-]/g, '')
    .replace(/^[.-]+|[.-]+$/g, '');
  return clean.slice(0, 63) || `server-${id}`;
}

function renderVolume({ volumeId, deleteOnTermination }: DeviceRecord, minor: number): Record<string, unknown>[] {
  if (volumeId === null) return [];
  return [{ id: volumeId, ...(minor >= 3 && { delete_on_termination: deleteOnTermination }) }];
}

function renderFault({ code, message, createdMs }: NonNullable<ServerRecord['fault']>): Record<string, unknown> {
  return { code, message, created: isoTime(createdMs) };
}

/** One opaque name per host and project. */
function hostIdOf({ projectId, launchedMs }: ServerRecord): string {
  return launchedMs === null ? '' : createHash('sha224').update(`${projectId}${hostname()}`).digest('hex');
}
