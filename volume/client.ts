import { ApiError } from '../common/errors.ts';
import { type JsonRequest, requestJson } from '../common/http/json-client.ts';
import type { AttachMode, AttachmentBody, ConnectionInfo, Connector, NewVolume, VolumeBody } from './contract.ts';

/** How and as whom the volume service is called. */
export interface VolumeCaller {
  /** The catalog's endpoint of `block-storage`; what follows `/v3` is dropped, the token says the project. */
  endpoint: string;
  /** `X-Auth-Token`: the user's token, or the service's own where it acts for itself. */
  token: string;
  /** `X-Service-Token`: shows that a service asks on the user's behalf. Without it there is no connection_info and no detach. */
  serviceToken?: string;
  timeoutMs?: number;
}

export type AttachmentWithConnection = Omit<AttachmentBody, 'connection_info'> & { connection_info: ConnectionInfo };

/** Attachment creation without a project in the URL (3.67) is the newest thing this client relies on. */
const MICROVERSION = 'volume 3.67';

/** @throws ApiError as all functions here: what the volume service refused (same status, its message), 503 where it gave no answer. */
export async function showVolume(caller: VolumeCaller, volumeId: string): Promise<VolumeBody> {
  return field(await call(caller, 'GET', `/volumes/${encodeURIComponent(volumeId)}`), 'volume');
}

/** Starts the making of a volume: its status is `creating` until it is `available` or `error`. */
export async function createVolume(caller: VolumeCaller, volume: NewVolume): Promise<VolumeBody> {
  return field(await call(caller, 'POST', '/volumes', { volume }), 'volume');
}

/** Starts the deletion; the volume is gone when `showVolume` answers 404. */
export async function deleteVolume(caller: VolumeCaller, volumeId: string): Promise<void> {
  await call(caller, 'DELETE', `/volumes/${encodeURIComponent(volumeId)}`);
}

/** Reserves the volume for a server, atomically: of two callers one gets 400. The volume becomes `reserved`. */
export async function createAttachment(
  caller: VolumeCaller,
  request: { volumeId: string; serverId: string; mode?: AttachMode },
): Promise<AttachmentBody> {
  const attachment = {
    volume_uuid: request.volumeId,
    instance_uuid: request.serverId,
    connector: null,
    ...(request.mode && { mode: request.mode }),
  };
  return field(await call(caller, 'POST', '/attachments', { attachment }), 'attachment');
}

/** Exports the volume to the connector's initiator, with a fresh secret. The volume becomes `attaching`. */
export async function updateAttachment(
  caller: VolumeCaller,
  attachmentId: string,
  connector: Connector,
): Promise<AttachmentWithConnection> {
  const body = await call(caller, 'PUT', attachmentPath(attachmentId), { attachment: { connector } });
  return withConnection(field(body, 'attachment'));
}

/** One attachment; a service sees its connection_info once the connector is known. */
export async function showAttachment(caller: VolumeCaller, attachmentId: string): Promise<AttachmentBody> {
  return field(await call(caller, 'GET', attachmentPath(attachmentId)), 'attachment');
}

/** Tells that the guest has the disk. The volume becomes `in-use`. */
export async function completeAttachment(caller: VolumeCaller, attachmentId: string): Promise<void> {
  await call(caller, 'POST', `${attachmentPath(attachmentId)}/action`, { 'os-complete': {} });
}

/** Ends the session, removes the export, and only then frees the volume. An attachment that is gone already is no error. */
export async function deleteAttachment(caller: VolumeCaller, attachmentId: string): Promise<void> {
  await call(caller, 'DELETE', attachmentPath(attachmentId), undefined, [404]);
}

/** `in-use` → `detaching`: nobody else may begin. */
export async function beginDetaching(caller: VolumeCaller, volumeId: string): Promise<void> {
  await act(caller, volumeId, { 'os-begin_detaching': {} });
}

/** `detaching` → `in-use`: the guest refused to let go. */
export async function rollDetaching(caller: VolumeCaller, volumeId: string): Promise<void> {
  await act(caller, volumeId, { 'os-roll_detaching': {} });
}

/** The attachments that the token's project (all projects for a service's own token) has, with all fields. */
export async function listAttachments(
  caller: VolumeCaller,
  filter: { volumeId?: string; serverId?: string } = {},
): Promise<AttachmentBody[]> {
  const query = new URLSearchParams({ all_tenants: '1' });
  if (filter.volumeId) query.set('volume_id', filter.volumeId);
  if (filter.serverId) query.set('instance_id', filter.serverId);
  return field(await call(caller, 'GET', `/attachments/detail?${query}`), 'attachments');
}

async function act(caller: VolumeCaller, volumeId: string, action: Record<string, unknown>): Promise<void> {
  await call(caller, 'POST', `/volumes/${encodeURIComponent(volumeId)}/action`, action);
}

function attachmentPath(attachmentId: string): string {
  return `/attachments/${encodeURIComponent(attachmentId)}`;
}

async function call(
  caller: VolumeCaller,
  method: JsonRequest['method'],
  path: string,
  body?: unknown,
  accepted: readonly number[] = [],
): Promise<unknown> {
  const headers: Record<string, string> = { 'x-auth-token': caller.token, 'openstack-api-version': MICROVERSION };
  if (caller.serviceToken) headers['x-service-token'] = caller.serviceToken;
  const answer = await requestJson({
    method,
    url: `${rootOf(caller.endpoint)}${path}`,
    headers,
    ...(body !== undefined && { body }),
    ...(caller.timeoutMs !== undefined && { timeoutMs: caller.timeoutMs }),
  }).catch((cause: unknown) => {
    throw unavailable('gives no answer', cause);
  });
  if (answer.status < 300 || accepted.includes(answer.status)) return answer.body;
  if (answer.status < 400 || answer.status >= 500) throw unavailable(`answers ${answer.status}`);
  throw new ApiError({
    status: answer.status,
    code: 'VolumeServiceRefused',
    message: faultMessage(answer.body) ?? `The volume service answered ${answer.status}.`,
  });
}

function rootOf(endpoint: string): string {
  return endpoint.replace(/\/v3(\/.*)?$/, '/v3');
}

function unavailable(what: string, cause?: unknown): ApiError {
  return new ApiError({ status: 503, code: 'VolumeServiceUnavailable', message: `The volume service ${what}.`, cause });
}

function faultMessage(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const [fault] = Object.values(body) as unknown[];
  if (typeof fault !== 'object' || fault === null || !('message' in fault)) return undefined;
  return typeof fault.message === 'string' ? fault.message : undefined;
}

/** The one field of the answer's body: our own service is on the other side, its shape is its contract. */
function field<T>(body: unknown, name: string): T {
  if (typeof body === 'object' && body !== null && name in body) return (body as Record<string, T>)[name] as T;
  throw unavailable(`answers without '${name}'`);
}

function withConnection(attachment: AttachmentBody): AttachmentWithConnection {
  const { connection_info: info, ...rest } = attachment;
  if (hasTarget(info)) return { ...rest, connection_info: info };
  throw unavailable('gives no connection_info: it knows no service token');
}

function hasTarget(info: AttachmentBody['connection_info']): info is ConnectionInfo {
  return 'target_iqn' in info;
}
