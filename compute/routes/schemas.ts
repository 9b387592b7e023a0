import { type TProperties, Type } from '@sinclair/typebox';
import { DEVICE_NAME } from '../actions/device-names.ts';
import {
  HOT_PLUG_PORTS,
  MOST_METADATA_CHARACTERS,
  MOST_METADATA_ITEMS,
  MOST_NAME_CHARACTERS,
  MOST_PUBLIC_KEY_CHARACTERS,
  MOST_SERVERS_PER_REQUEST,
  MOST_TAG_CHARACTERS,
  MOST_TAGS,
  MOST_USER_DATA_CHARACTERS,
} from '../limits.ts';

/** Bodies of the compute API. Spec: Compute API, request schemas. */

const strict = <T extends TProperties>(properties: T) => Type.Object(properties, { additionalProperties: false });
const orNull = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);

const name = Type.String({ minLength: 1, maxLength: MOST_NAME_CHARACTERS, pattern: '\\S' });
const uuid = Type.String({ pattern: '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' });
const tag = Type.String({ minLength: 1, maxLength: MOST_TAG_CHARACTERS, pattern: '^[^/,]*$' });
const deviceName = Type.String({ pattern: DEVICE_NAME.source });

const metadata = Type.Record(
  Type.String({ pattern: '^[a-zA-Z0-9-_:. ]{1,255}$' }),
  Type.String({ maxLength: MOST_METADATA_CHARACTERS }),
  { maxProperties: MOST_METADATA_ITEMS, additionalProperties: false },
);

const blockDevice = strict({
  uuid: Type.Optional(orNull(uuid)),
  source_type: Type.Union(['volume', 'image', 'blank', 'snapshot'].map((kind) => Type.Literal(kind))),
  destination_type: Type.Optional(Type.Union([Type.Literal('volume'), Type.Literal('local')])),
  boot_index: Type.Optional(orNull(Type.Integer({ minimum: -1, maximum: 100 }))),
  volume_size: Type.Optional(orNull(Type.Integer({ minimum: 1, maximum: 1 << 20 }))),
  delete_on_termination: Type.Optional(Type.Boolean()),
  device_name: Type.Optional(orNull(deviceName)),
  tag: Type.Optional(tag),
  // accepted, and all disks are virtio disks whatever these say
  disk_bus: Type.Optional(Type.String({ maxLength: 32 })),
  device_type: Type.Optional(Type.String({ maxLength: 32 })),
  guest_format: Type.Optional(orNull(Type.String({ maxLength: 32 }))),
  volume_type: Type.Optional(orNull(Type.String({ maxLength: MOST_NAME_CHARACTERS }))),
});

export const newServerBody = Type.Object({
  server: strict({
    name,
    flavorRef: Type.String({ minLength: 1, maxLength: MOST_NAME_CHARACTERS }),
    imageRef: Type.Optional(orNull(Type.String({ maxLength: 1024 }))),
    metadata: Type.Optional(metadata),
    description: Type.Optional(orNull(Type.String({ maxLength: MOST_NAME_CHARACTERS }))),
    key_name: Type.Optional(orNull(Type.String({ maxLength: MOST_NAME_CHARACTERS }))),
    user_data: Type.Optional(
      orNull(Type.String({ maxLength: MOST_USER_DATA_CHARACTERS, pattern: '^[A-Za-z0-9+/=\\s]*$' })),
    ),
    tags: Type.Optional(Type.Array(tag, { maxItems: MOST_TAGS })),
    min_count: Type.Optional(Type.Integer({ minimum: 1, maximum: MOST_SERVERS_PER_REQUEST })),
    max_count: Type.Optional(Type.Integer({ minimum: 1, maximum: MOST_SERVERS_PER_REQUEST })),
    return_reservation_id: Type.Optional(Type.Boolean()),
    block_device_mapping_v2: Type.Optional(Type.Array(blockDevice, { maxItems: HOT_PLUG_PORTS + 1 })),
    networks: Type.Optional(Type.Unknown()),
    adminPass: Type.Optional(Type.String({ maxLength: MOST_NAME_CHARACTERS })),
    availability_zone: Type.Optional(orNull(Type.String({ maxLength: MOST_NAME_CHARACTERS }))),
    // accepted without effect: there are no networks, and one host
    security_groups: Type.Optional(Type.Array(Type.Object({ name: Type.Optional(Type.String()) }), { maxItems: 100 })),
    config_drive: Type.Optional(Type.Unknown()),
    'OS-DCF:diskConfig': Type.Optional(Type.String({ maxLength: 16 })),
    hostname: Type.Optional(Type.String({ maxLength: 255 })),
    accessIPv4: Type.Optional(Type.String({ maxLength: 64 })),
    accessIPv6: Type.Optional(Type.String({ maxLength: 64 })),
  }),
  'os:scheduler_hints': Type.Optional(Type.Unknown()),
  'OS-SCH-HNT:scheduler_hints': Type.Optional(Type.Unknown()),
});

export const serverUpdateBody = Type.Object({
  server: strict({
    name: Type.Optional(name),
    description: Type.Optional(orNull(Type.String({ maxLength: MOST_NAME_CHARACTERS }))),
    accessIPv4: Type.Optional(Type.String({ maxLength: 64 })),
    accessIPv6: Type.Optional(Type.String({ maxLength: 64 })),
    hostname: Type.Optional(Type.String({ maxLength: 255 })),
    'OS-DCF:diskConfig': Type.Optional(Type.String({ maxLength: 16 })),
  }),
});

export const newAttachmentBody = Type.Object({
  volumeAttachment: strict({
    volumeId: uuid,
    device: Type.Optional(orNull(deviceName)),
    tag: Type.Optional(tag),
    delete_on_termination: Type.Optional(Type.Boolean()),
  }),
});

export const attachmentUpdateBody = Type.Object({
  volumeAttachment: Type.Object({
    volumeId: uuid,
    delete_on_termination: Type.Optional(Type.Boolean()),
  }),
});

export const consoleBody = Type.Object({
  'os-getConsoleOutput': orNull(
    strict({ length: Type.Optional(orNull(Type.Integer({ minimum: -1, maximum: 1_000_000 }))) }),
  ),
});

export const rebootBody = Type.Object({
  reboot: strict({ type: Type.Union([Type.Literal('SOFT'), Type.Literal('HARD')]) }),
});

export const resetStateBody = Type.Object({
  'os-resetState': strict({ state: Type.Union([Type.Literal('active'), Type.Literal('error')]) }),
});

export const newFlavorBody = Type.Object({
  flavor: strict({
    name,
    id: Type.Optional(orNull(Type.String({ minLength: 1, maxLength: MOST_NAME_CHARACTERS, pattern: '^[\\w. -]+$' }))),
    ram: Type.Integer({ minimum: 64, maximum: 1 << 20 }),
    vcpus: Type.Integer({ minimum: 1, maximum: 64 }),
    disk: Type.Integer({ minimum: 0, maximum: 1 << 16 }),
    swap: Type.Optional(Type.Integer({ minimum: 0, maximum: 0 })),
    rxtx_factor: Type.Optional(Type.Number()),
    'OS-FLV-EXT-DATA:ephemeral': Type.Optional(Type.Integer({ minimum: 0, maximum: 0 })),
    'os-flavor-access:is_public': Type.Optional(Type.Boolean()),
    description: Type.Optional(orNull(Type.String({ maxLength: 65_535 }))),
  }),
});

const extraSpecs = Type.Record(
  Type.String({ pattern: '^[a-zA-Z0-9-_:. ]{1,255}$' }),
  Type.String({ maxLength: MOST_METADATA_CHARACTERS }),
  { maxProperties: MOST_METADATA_ITEMS, additionalProperties: false },
);
export const extraSpecsBody = strict({ extra_specs: extraSpecs });

export const metadataBody = strict({ metadata });
export const metadataItemBody = strict({ meta: metadata });

export const newKeypairBody = Type.Object({
  keypair: strict({
    name: Type.String({ minLength: 1, maxLength: MOST_NAME_CHARACTERS, pattern: '^[a-zA-Z0-9 _.@-]+$' }),
    public_key: Type.Optional(Type.String({ minLength: 1, maxLength: MOST_PUBLIC_KEY_CHARACTERS })),
    type: Type.Optional(Type.Literal('ssh')),
    user_id: Type.Optional(Type.String({ maxLength: MOST_NAME_CHARACTERS })),
  }),
});
