import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CredentialKeyRotation, reencryptSecrets } from '../../../auth/actions/rotate-credential-keys.ts';
import { createTables, type Tables } from '../../../auth/store/tables.ts';
import { decodeFernet } from '../../../auth/tokens/fernet.ts';
import { FernetKeyRepository } from '../../../auth/tokens/fernet-keys.ts';
import { commitChanges } from '../../../common/kv/table.ts';
import { createLogger } from '../../../common/log.ts';
import { TestCloud } from '../../support/auth/test-cloud.ts';

let cloud: TestCloud;
let tables: Tables;
let keys: FernetKeyRepository;
let rotation: CredentialKeyRotation;
let admin: string;
let ids: { credential: string; consumer: string };

beforeEach(async () => {
  cloud = await TestCloud.start();
  tables = createTables(cloud.store);
  keys = new FernetKeyRepository(join(cloud.folder, 'keys', 'credential'), cloud.clock);
  await keys.open();
  rotation = new CredentialKeyRotation(context());
  admin = await cloud.adminToken();
  const credential = { type: 'cert', blob: 'a secret' };
  ids = {
    credential: (await cloud.call('POST', '/v3/credentials', admin, { credential })).body.credential.id,
    consumer: (await cloud.call('POST', '/v3/OS-OAUTH1/consumers', admin, { consumer: {} })).body.consumer.id,
  };
});
afterEach(() => cloud.stop());

function context() {
  return { store: cloud.store, tables, credentialKeys: keys, clock: cloud.clock, logger: createLogger('silent') };
}

const MANY = 16;
const keyFiles = async () => (await readdir(join(cloud.folder, 'keys', 'credential'))).sort();
const blobOf = async () => (await tables.credentials.get(ids.credential))?.record.encryptedBlob ?? '';
const secretOf = async () => (await tables.consumers.get(ids.consumer))?.record.encryptedSecret ?? '';

/** Keys are read at most once a second. */
async function step(): Promise<void> {
  cloud.clock.offsetMs += 2_000;
  await rotation.step();
}

describe('after a rotation of the keys of credentials', () => {
  it('what older keys encrypted is encrypted anew, then the old keys go, and the service reads on', async () => {
    await keys.rotate(MANY);
    expect(decodeFernet(await blobOf(), [keys.keys.primary])).toBeUndefined();
    await step();
    expect(decodeFernet(await blobOf(), [keys.keys.primary])?.toString()).toBe('a secret');
    expect(decodeFernet(await secretOf(), [keys.keys.primary])).toBeDefined();
    expect(await keyFiles()).toEqual(['0', '1', '2']);
    await step();
    expect(await keyFiles()).toEqual(['0', '2']);
    await cloud.listen(); // a new service on the same folder
    const { body } = await cloud.call('GET', `/v3/credentials/${ids.credential}`, admin);
    expect(body.credential.blob).toBe('a secret');
  });

  it('no old key goes in the step that sees a new primary: a write with the one before may be under way', async () => {
    await step();
    await keys.rotate(MANY);
    await reencryptSecrets(context());
    await step();
    expect(await keyFiles()).toEqual(['0', '1', '2']);
    await step();
    expect(await keyFiles()).toEqual(['0', '2']);
  });

  it('old keys stay while a secret cannot be opened', async () => {
    const stored = await tables.credentials.get(ids.credential);
    if (!stored) throw new Error('no credential');
    await commitChanges(
      cloud.store,
      tables.credentials.replace(stored, { ...stored.record, encryptedBlob: 'rubbish' }),
    );
    await keys.rotate(MANY);
    for (let turn = 0; turn < 3; turn += 1) await step();
    expect(await keyFiles()).toEqual(['0', '1', '2']);
    expect(decodeFernet(await secretOf(), [keys.keys.primary])).toBeDefined();
  });

  it('a second pass finds nothing to do', async () => {
    await keys.rotate(MANY);
    expect(await reencryptSecrets(context())).toEqual({ reencrypted: 2, left: 0 });
    expect(await reencryptSecrets(context())).toEqual({ reencrypted: 0, left: 0 });
  });

  it('a start of the service ends a rotation that was made while it was stopped', async () => {
    await keys.rotate(MANY);
    await cloud.listen();
    await cloud.service.stop(); // waits for the step that the start began
    expect(decodeFernet(await blobOf(), [keys.keys.primary])?.toString()).toBe('a secret');
  });
});
