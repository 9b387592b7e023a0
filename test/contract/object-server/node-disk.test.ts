import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeDisk } from '../../../object-server/disk/node-disk.ts';
import { describeDisk } from '../disk.ts';

describeDisk("the machine's disk", async () => {
  const folder = await mkdtemp(join(tmpdir(), 'martlet-disk-'));
  return { disk: nodeDisk, folder, remove: () => rm(folder, { recursive: true, force: true }) };
});
