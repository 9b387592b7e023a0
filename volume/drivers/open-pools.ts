import { join } from 'node:path';
import { StartError } from '../../common/errors.ts';
import { EX_CONFIG } from '../../common/exit-codes.ts';
import type { BackendConfig, VolumeConfig } from '../config.ts';
import type { Pool } from '../scheduler/pools.ts';
import type { VolumeDriver } from './contract.ts';
import { FileDriver } from './file.ts';
import { LvmDriver } from './lvm.ts';
import type { RunCommand } from './run-command.ts';

/** The pools of the configuration, not started yet. @throws StartError for backends that are named twice or incomplete. */
export function openPools(config: VolumeConfig, dataFolder: string, run: RunCommand): Pool[] {
  const names = config.backends.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new StartError(`configuration: two volume backends are named '${twice}'`, EX_CONFIG);
  return config.backends.map((backend) => ({
    name: backend.name,
    driver: openDriver(backend, dataFolder, run),
    availabilityZone: config.availability_zone,
  }));
}

function openDriver(backend: BackendConfig, dataFolder: string, run: RunCommand): VolumeDriver {
  // The first file backend has the plain folder, others have theirs beside it.
  if (backend.driver === 'file')
    return new FileDriver(join(dataFolder, backend.name === 'file' ? 'volumes' : `volumes-${backend.name}`));
  if (backend.volume_group === undefined)
    throw new StartError(
      `configuration: volume backend '${backend.name}' of driver lvm names no volume_group`,
      EX_CONFIG,
    );
  return new LvmDriver({
    run,
    volumeGroup: backend.volume_group,
    extraArguments: backend.lvm_arguments ?? [],
    systemDir: backend.lvm_system_dir,
    activate: backend.lvm_activate ?? true,
    contiguous: backend.lvm_contiguous ?? false,
  });
}
