import { isAbsolute, join } from 'node:path';
import type { ServiceSession } from '../../auth/contract.ts';
import { InvariantError, StartError } from '../../common/errors.ts';
import { EX_CONFIG } from '../../common/exit-codes.ts';
import type { ImageConfig, StoreConfig } from '../config.ts';
import { invalid, storeUnavailable } from '../errors.ts';
import type { ImageStore } from './contract.ts';
import { FileStore } from './file-store.ts';
import { S3Store } from './s3-store.ts';
import { SwiftStore } from './swift-store.ts';

/** One configured store, as clients are told of it. */
export interface NamedStore {
  id: string;
  description: string | undefined;
  isDefault: boolean;
  store: ImageStore;
}

interface StoreDeps {
  session: ServiceSession;
  dataFolder: string;
}

/** The configured stores by id. */
export class StoreSet {
  private readonly stores: readonly NamedStore[];

  /** @throws StartError for two stores of one id and a default that is not there. */
  constructor(config: ImageConfig, deps: StoreDeps) {
    this.stores = config.stores.map((store) => ({
      id: store.id,
      description: store.description,
      isDefault: store.id === config.default_store,
      store: openStore(store, deps),
    }));
    if (new Set(this.stores.map(({ id }) => id)).size < this.stores.length)
      throw new StartError('image.stores: two stores have the same id', EX_CONFIG);
    if (!this.stores.some(({ isDefault }) => isDefault))
      throw new StartError(`image.default_store: there is no store "${config.default_store}"`, EX_CONFIG);
  }

  /** The stores that can be used now. */
  async available(): Promise<NamedStore[]> {
    const usable = await Promise.all(this.stores.map(({ store }) => store.isAvailable()));
    return this.stores.filter((_, index) => usable[index]);
  }

  /**
   * The store for an upload.
   *
   * @param asked what the client asked for; the default store unless given.
   * @throws ApiError 400 for a store that is not offered, 503 if the default store is not there.
   */
  async choose(asked: string | undefined): Promise<NamedStore> {
    const chosen = this.stores.find(({ id, isDefault }) => (asked === undefined ? isDefault : id === asked));
    if (chosen && (await chosen.store.isAvailable())) return chosen;
    if (asked === undefined) throw storeUnavailable(chosen?.id ?? 'default');
    throw invalid(`Store for image_id not found: ${asked.slice(0, 64)}`);
  }

  /** The store that a record names. */
  byId(id: string): ImageStore {
    const found = this.stores.find((store) => store.id === id);
    if (!found) throw new InvariantError(`image store "${id}" is no longer configured`);
    return found.store;
  }
}

function openStore(config: StoreConfig, { session, dataFolder }: StoreDeps): ImageStore {
  switch (config.type) {
    case 'file':
      return new FileStore(isAbsolute(config.path) ? config.path : join(dataFolder, config.path));
    case 'swift':
      return new SwiftStore({ session, container: config.container, segmentBytes: config.segment_size_bytes });
    case 's3':
      return new S3Store({
        endpoint: config.endpoint,
        region: config.region,
        bucket: needed(config, 'bucket'),
        accessKey: needed(config, 'access_key'),
        secretKey: needed(config, 'secret_key'),
        pathStyle: config.path_style,
        partBytes: config.part_size_bytes,
      });
  }
}

function needed(config: StoreConfig, key: 'bucket' | 'access_key' | 'secret_key'): string {
  const value = config[key];
  if (value === undefined) throw new StartError(`image.stores: store "${config.id}" needs ${key}`, EX_CONFIG);
  return value;
}
