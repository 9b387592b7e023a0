import { type Static, type TSchema, Type } from '@sinclair/typebox';
import type { FastifyInstance } from 'fastify';
import { forceDeleteVolume } from '../actions/delete-volume.ts';
import { removeMetadata, resetStatus, setBootable, setMetadata, setReadOnly } from '../actions/edit-volume.ts';
import { extendVolume } from '../actions/extend-volume.ts';
import { findVolume } from '../actions/find-volume.ts';
import {
  attachVolume,
  beginDetaching,
  detachVolume,
  initializeConnection,
  reserveVolume,
  rollDetaching,
  terminateConnection,
  unreserveVolume,
} from '../actions/legacy-attach.ts';
import { uploadToImage } from '../actions/upload-image.ts';
import { invalidInput, notBuilt } from '../errors.ts';
import type { Caller, VolumeParts } from '../parts.ts';
import { formatDateOrNull } from '../views/dates.ts';
import { connector, parseConnector } from './connector.ts';
import { callerOf, param, versionOf } from './context.ts';
import { parseBody } from './parse-body.ts';
import { booleanLike, metadata, orNull, sizeLike, text, toBoolean, toSize } from './schemas.ts';

interface ActionContext {
  parts: VolumeParts;
  caller: Caller;
  volumeId: string;
  minorVersion: number;
}

/** A status, and a body where there is one. */
interface ActionAnswer {
  status: number;
  body?: unknown;
}

type Action = (context: ActionContext, value: unknown) => Promise<ActionAnswer>;

const ACCEPTED: ActionAnswer = { status: 202 };

/** An action whose value has a schema. */
function action<S extends TSchema>(
  schema: S,
  act: (context: ActionContext, value: Static<S>) => Promise<ActionAnswer | undefined>,
): Action {
  return async (context, value) => (await act(context, parseBody(schema, value ?? {}))) ?? ACCEPTED;
}

const nothing = Type.Unknown();
const resettable = Type.Union(
  (
    [
      'creating',
      'available',
      'deleting',
      'error',
      'error_deleting',
      'attaching',
      'detaching',
      'in-use',
      'maintenance',
    ] as const
  ).map((status) => Type.Literal(status)),
);

/** Actions by the key of the body. Spec: Block Storage API v3, "Volume actions". */
const ACTIONS: Readonly<Record<string, Action>> = {
  'os-extend': action(Type.Object({ new_size: sizeLike }), async ({ parts, caller, volumeId, minorVersion }, value) => {
    const request = { sizeGib: toSize(value.new_size), mayBeInUse: minorVersion >= 42 };
    await extendVolume(parts, caller, volumeId, request);
    return undefined;
  }),
  'os-reserve': action(nothing, async ({ parts, caller, volumeId }) => {
    await reserveVolume(parts, caller, volumeId);
    return undefined;
  }),
  'os-unreserve': action(nothing, async ({ parts, caller, volumeId }) => {
    await unreserveVolume(parts, caller, volumeId);
    return undefined;
  }),
  'os-begin_detaching': action(nothing, async ({ parts, caller, volumeId }) => {
    await beginDetaching(parts, caller, volumeId);
    return undefined;
  }),
  'os-roll_detaching': action(nothing, async ({ parts, caller, volumeId }) => {
    await rollDetaching(parts, caller, volumeId);
    return undefined;
  }),
  'os-attach': action(
    Type.Object({
      instance_uuid: orNull(text),
      host_name: orNull(text),
      mountpoint: Type.String({ minLength: 1, maxLength: 255 }),
      mode: orNull(Type.Union([Type.Literal('rw'), Type.Literal('ro')])),
    }),
    async ({ parts, caller, volumeId }, value) => {
      const serverId = value.instance_uuid ?? null;
      const hostName = value.host_name ?? null;
      if ((serverId === null) === (hostName === null))
        throw invalidInput('Invalid request to attach volume to an instance or host');
      await attachVolume(parts, caller, volumeId, {
        serverId,
        hostName,
        mountpoint: value.mountpoint,
        mode: value.mode ?? undefined,
      });
      return undefined;
    },
  ),
  'os-detach': action(Type.Object({ attachment_id: orNull(text) }), async ({ parts, caller, volumeId }, value) => {
    await detachVolume(parts, caller, volumeId, value.attachment_id ?? undefined);
    return undefined;
  }),
  'os-initialize_connection': action(Type.Object({ connector }), async ({ parts, caller, volumeId }, value) => {
    const data = await initializeConnection(parts, caller, volumeId, parseConnector(value.connector));
    return { status: 200, body: { connection_info: { driver_volume_type: 'iscsi', data } } };
  }),
  'os-terminate_connection': action(
    Type.Object({ connector: orNull(Type.Object({ initiator: Type.Optional(text) })) }),
    async ({ parts, caller, volumeId }, value) => {
      const initiator = value.connector?.initiator;
      await terminateConnection(parts, caller, volumeId, initiator === undefined ? undefined : { initiator });
      return undefined;
    },
  ),
  'os-set_bootable': action(Type.Object({ bootable: booleanLike }), async ({ parts, caller, volumeId }, value) => {
    await setBootable(parts, caller, volumeId, toBoolean(value.bootable));
    return { status: 200 };
  }),
  'os-update_readonly_flag': action(
    Type.Object({ readonly: booleanLike }),
    async ({ parts, caller, volumeId }, value) => {
      await setReadOnly(parts, caller, volumeId, toBoolean(value.readonly));
      return undefined;
    },
  ),
  'os-reset_status': action(
    Type.Object({ status: Type.Optional(resettable), attach_status: orNull(text), migration_status: orNull(text) }),
    async ({ parts, caller, volumeId }, value) => {
      if (value.status === undefined) throw notBuilt('Resetting only the attach or migration status');
      await resetStatus(parts, caller, volumeId, value.status);
      return undefined;
    },
  ),
  'os-force_delete': action(nothing, async ({ parts, caller, volumeId }) => {
    await forceDeleteVolume(parts, caller, volumeId, 'volume_extension:volume_admin_actions:force_delete');
    return undefined;
  }),
  'os-set_image_metadata': action(Type.Object({ metadata }), async ({ parts, caller, volumeId }, value) => {
    const policy = 'volume_extension:volume_image_metadata:set';
    const edit = { kind: 'imageMetadata', action: policy, items: value.metadata, replaceAll: false } as const;
    return { status: 200, body: { metadata: await setMetadata(parts, caller, volumeId, edit) } };
  }),
  'os-unset_image_metadata': action(Type.Object({ key: text }), async ({ parts, caller, volumeId }, { key }) => {
    const policy = 'volume_extension:volume_image_metadata:remove';
    await removeMetadata(parts, caller, volumeId, { kind: 'imageMetadata', action: policy, key });
    return { status: 200 };
  }),
  'os-show_image_metadata': action(nothing, async ({ parts, caller, volumeId }) => {
    const volume = findVolume(parts, caller, volumeId, 'volume:get');
    return { status: 200, body: { metadata: volume.imageMetadata ?? {} } };
  }),
  'os-volume_upload_image': action(
    Type.Object({
      image_name: Type.String({ minLength: 1, maxLength: 255 }),
      force: Type.Optional(booleanLike),
      disk_format: orNull(text),
      container_format: orNull(text),
      visibility: Type.Optional(
        Type.Union([
          Type.Literal('public'),
          Type.Literal('private'),
          Type.Literal('shared'),
          Type.Literal('community'),
        ]),
      ),
      protected: Type.Optional(booleanLike),
    }),
    async ({ parts, caller, volumeId, minorVersion }, value) => {
      const isProtected = minorVersion >= 1 && toBoolean(value.protected ?? false);
      const request = {
        imageName: value.image_name,
        force: toBoolean(value.force ?? false),
        diskFormat: value.disk_format ?? 'raw',
        containerFormat: value.container_format ?? 'bare',
        visibility: minorVersion >= 1 ? value.visibility : undefined,
        isProtected,
      };
      const { volume, imageId } = await uploadToImage(parts, caller, volumeId, request);
      const type = await parts.types.get(volume.typeId);
      const body = {
        id: volume.id,
        status: volume.status,
        display_description: volume.description,
        size: volume.sizeGib,
        updated_at: formatDateOrNull(volume.updatedAtMs),
        volume_type: type ? { id: type.id, name: type.name } : null,
        image_id: imageId,
        image_name: request.imageName,
        disk_format: request.diskFormat,
        container_format: request.containerFormat,
        ...(minorVersion >= 1 && { visibility: value.visibility ?? 'private', protected: isProtected }),
      };
      return { status: 202, body: { 'os-volume_upload_image': body } };
    },
  ),
};

const NOT_BUILT: readonly string[] = [
  'os-retype',
  'os-migrate_volume',
  'os-migrate_volume_completion',
  'os-force_detach',
  'os-extend_volume_completion',
  'os-reimage',
  'os-unmanage',
  'revert',
];

export function volumeActionRoutes(app: FastifyInstance, parts: VolumeParts): void {
  app.post('/volumes/:volume_id/action', async (request, reply) => {
    const body = parseBody(
      Type.Record(Type.String(), Type.Unknown(), { minProperties: 1, maxProperties: 1 }),
      request.body,
    );
    const [[name, value] = ['', undefined]] = Object.entries(body);
    const caller = callerOf(request, parts);
    const volumeId = param(request, 'volume_id');
    const act = Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined;
    if (!act) {
      findVolume(parts, caller, volumeId, 'volume:get');
      throw NOT_BUILT.includes(name)
        ? notBuilt(`The action ${name}`)
        : invalidInput(`There is no such action: ${name.slice(0, 64)}`);
    }
    const context = { parts, caller, volumeId, minorVersion: versionOf(request).minor };
    const answer = await act(context, value);
    return reply.status(answer.status).send(answer.body);
  });
}
