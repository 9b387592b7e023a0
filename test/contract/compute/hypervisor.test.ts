import { FakeHypervisor } from '../../../compute/hypervisor/fake.ts';
import { GUEST_ID, hypervisorContract } from './hypervisor.ts';

const VOLUME_ID = '7a1d5b02-9c0e-4c5f-8d21-6b8e4f3a2c10';

hypervisorContract('fake', async () => {
  const fake = new FakeHypervisor('iqn.2026-11.test.compute');
  return {
    next: async () => fake,
    spec: async () => ({ id: GUEST_ID, vcpus: 1, memoryMib: 128, volumes: [] }),
    volume: async () => ({
      volumeId: VOLUME_ID,
      connection: {
        driver_volume_type: 'iscsi',
        attachment_id: VOLUME_ID,
        enforce_multipath: false,
        target_discovered: false,
        target_portal: '127.0.0.1:3260',
        target_iqn: 'iqn.2026-11.test:1',
        target_lun: 1,
        volume_id: VOLUME_ID,
        auth_method: 'CHAP',
        auth_username: 'guest',
        auth_password: 'sixteen-letters!',
        access_mode: 'rw',
        encrypted: false,
        qos_specs: null,
        cacheable: false,
        discard: true,
      },
    }),
    ready: async () => undefined,
    crash: () => fake.end(GUEST_ID),
    remove: async () => undefined,
  };
});
