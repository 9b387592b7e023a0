import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { AuthConfig } from '../auth/config.ts';
import { loadConfig } from '../common/config/load-config.ts';
import { StartError } from '../common/errors.ts';
import { EX_NOINPUT } from '../common/exit-codes.ts';
import { LevelStore } from '../common/kv/level-store.ts';
import { configSchema, type MartletConfig } from './config.ts';
import { takeDataFolder } from './data-folder.ts';

/** The records of a cloud that does not run. */
export interface StoppedCloud {
  dataPath: string;
  store: LevelStore;
  config: AuthConfig;
}

/**
 * Works on the records of a cloud that is stopped, and gives its folder up again.
 *
 * @throws StartError where the folder is no cloud, or a process has it.
 */
export async function withStoppedCloud<T>(
  flags: { data: string; config?: string | undefined },
  work: (cloud: StoppedCloud) => Promise<T>,
): Promise<T> {
  const dataPath = resolve(flags.data);
  await assertCloud(dataPath);
  const { auth: config } = await readConfiguration(flags.config);
  const folder = await takeDataFolder(dataPath);
  try {
    const store = await LevelStore.open(join(dataPath, 'control'));
    try {
      return await work({ dataPath, store, config });
    } finally {
      await store.close();
    }
  } finally {
    await folder.release();
  }
}

/** @throws StartError where a folder holds no cloud that was made to its end. */
export async function assertCloud(dataPath: string): Promise<void> {
  try {
    await readFile(join(dataPath, 'version.json'));
  } catch (error) {
    throw new StartError(`${dataPath} is not the data folder of a cloud`, EX_NOINPUT, error);
  }
}

/** The configuration as `martlet start` would read it. */
export async function readConfiguration(path: string | undefined): Promise<MartletConfig> {
  const file = path === undefined ? undefined : { name: path, text: await readText(path) };
  return loadConfig(configSchema, { file, environment: process.env, overrides: {} });
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new StartError(`cannot read the configuration ${path}: ${(error as Error).message}`, EX_NOINPUT, error);
  }
}
