import { type Static, Type } from '@sinclair/typebox';

/** The `compute` part of the configuration. */
export const computeConfig = Type.Object(
  {
    hypervisor: Type.Union([Type.Literal('qemu'), Type.Literal('fake')], {
      default: 'qemu',
      description:
        'What runs the servers: qemu, a real virtual machine each; or fake, records only, for tests of clients.',
    }),
    qemu_path: Type.String({
      default: 'qemu-system-x86_64',
      description: 'The QEMU program: a name looked up in PATH, or an absolute path.',
    }),
    qemu_img_path: Type.String({
      default: 'qemu-img',
      description: 'The qemu-img program, which grows qcow2 root disks: a name looked up in PATH, or an absolute path.',
    }),
    sandbox: Type.Boolean({
      default: true,
      description:
        'Run QEMU under its seccomp filter (`-sandbox on`); false only for a QEMU that was built without it.',
    }),
    network: Type.Union([Type.Literal('none'), Type.Literal('restricted'), Type.Literal('open')], {
      default: 'none',
      description:
        'Network card of a guest: none; restricted, a card that reaches nothing; open, one that reaches the network AND ' +
        "the host's loopback, where the storage services listen: never for guests you do not trust.",
    }),
    initiator_prefix: Type.String({
      default: 'iqn.2026-11.org.martlet.compute',
      minLength: 5,
      maxLength: 150,
      description: "iSCSI name of a guest's initiator: this, a colon, and the server's id.",
    }),
    availability_zone: Type.String({
      default: 'nova',
      minLength: 1,
      description: 'Name of the only availability zone.',
    }),
    quota_servers: Type.Integer({
      default: 100,
      minimum: -1,
      description: 'Servers a project may have; -1 = no limit.',
    }),
    quota_cores: Type.Integer({
      default: 200,
      minimum: -1,
      description: 'Virtual CPUs a project may have; -1 = no limit.',
    }),
    quota_ram_mib: Type.Integer({
      default: 51_200,
      minimum: -1,
      description: 'Memory a project may have in its servers, MiB; -1 = no limit.',
    }),
  },
  { additionalProperties: false, default: {} },
);

export type ComputeConfig = Static<typeof computeConfig>;
