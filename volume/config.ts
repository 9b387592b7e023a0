import { type Static, Type } from '@sinclair/typebox';

const quotaLimit = (description: string, value: number) => Type.Integer({ minimum: -1, default: value, description });

const backendConfig = Type.Object({
  name: Type.String({
    pattern: '^[A-Za-z0-9_-]{1,32}$',
    description: 'Name of the backend; extra spec volume_backend_name of a type picks it.',
  }),
  driver: Type.Union([Type.Literal('file'), Type.Literal('lvm')], {
    description: 'file: sparse files in the data folder. lvm: logical volumes of a volume group.',
  }),
  volume_group: Type.Optional(
    Type.String({
      pattern: '^[A-Za-z0-9_+][A-Za-z0-9_+.-]{0,126}$',
      description: 'lvm: the volume group; it must exist.',
    }),
  ),
  lvm_arguments: Type.Optional(
    Type.Array(Type.String(), { description: 'lvm: arguments added to every command, such as --driverloaded n.' }),
  ),
  lvm_system_dir: Type.Optional(Type.String({ description: 'lvm: LVM_SYSTEM_DIR, the folder of a private lvm.conf.' })),
  lvm_activate: Type.Optional(
    Type.Boolean({
      default: true,
      description:
        'lvm: whether logical volumes are activated as /dev/VG/LV; without, they are reached through the physical volumes.',
    }),
  ),
  lvm_contiguous: Type.Optional(
    Type.Boolean({ default: false, description: 'lvm: allocate contiguous extents only.' }),
  ),
});
export type BackendConfig = Static<typeof backendConfig>;

/** The `volume` part of the configuration. */
export const volumeConfig = Type.Object({
  backends: Type.Array(backendConfig, {
    minItems: 1,
    default: [{ name: 'file', driver: 'file' }],
    description: 'Where volumes are kept, one pool each.',
  }),
  availability_zone: Type.String({
    minLength: 1,
    maxLength: 255,
    default: 'nova',
    description: 'The availability zone of all backends.',
  }),
  host: Type.String({
    pattern: '^[A-Za-z0-9_.-]{1,64}$',
    default: 'martlet',
    description: 'Name of this volume host, as in host@backend#pool.',
  }),
  default_volume_type: Type.String({
    minLength: 1,
    maxLength: 255,
    default: '__DEFAULT__',
    description: 'Type of volumes that name none; made at the first start.',
  }),
  iqn_prefix: Type.String({
    pattern: '^iqn\\.\\d{4}-\\d{2}\\.[a-z0-9.-]+$',
    default: 'iqn.2010-10.org.openstack',
    description: 'What every target name begins with; a colon and the attachment id follow.',
  }),
  max_over_subscription_ratio: Type.Number({
    minimum: 1,
    default: 20,
    description: 'How many times its size a pool of sparse volumes may promise.',
  }),
  reserved_percentage: Type.Integer({
    minimum: 0,
    maximum: 90,
    default: 0,
    description: 'Percent of each pool that the scheduler leaves free.',
  }),
  image_spool_gigabytes: Type.Integer({
    minimum: 1,
    default: 100,
    description: 'GiB: largest image that is converted; it lies on disk in full while it is.',
  }),
  qemu_img: Type.String({ default: 'qemu-img', description: 'The program that converts images other than raw.' }),
  quota: Type.Object({
    volumes: quotaLimit('Volumes of a project; -1 = no limit.', 10),
    gigabytes: quotaLimit('GiB of all volumes of a project; -1 = no limit.', 1000),
    per_volume_gigabytes: quotaLimit('GiB of one volume; -1 = no limit.', -1),
    snapshots: quotaLimit('Snapshots of a project; -1 = no limit.', 10),
    backups: quotaLimit('Backups of a project; -1 = no limit.', 10),
    backup_gigabytes: quotaLimit('GiB of all backups of a project; -1 = no limit.', 1000),
    groups: quotaLimit('Groups of a project; -1 = no limit.', 10),
  }),
});
export type VolumeConfig = Static<typeof volumeConfig>;
