import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'vitest';
import { FileDriver } from '../../../volume/drivers/file.ts';
import { driverSuite } from './driver-suite.ts';

describe('the file driver', () => {
  driverSuite(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'martlet-file-driver-'));
    return {
      driver: new FileDriver(folder),
      reopen: async () => new FileDriver(folder),
      sizeBytes: 1 << 20,
      tooLargeBytes: undefined,
      release: () => rm(folder, { recursive: true }),
    };
  });
});
