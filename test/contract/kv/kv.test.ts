import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LevelStore } from '../../../common/kv/level-store.ts';
import { kvContract } from './kv-suite.ts';

kvContract('LevelDB', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'martlet-kv-'));
  return {
    open: () => LevelStore.open(folder),
    async reopen(store) {
      await store.close();
      return LevelStore.open(folder);
    },
    cleanUp: () => rm(folder, { recursive: true }),
  };
});
