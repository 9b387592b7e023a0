import type { NewObject, ObjectStore, ObjectTarget, WholeBody } from './contract.ts';

/** `put` for a store that only takes bodies in steps. */
export async function putInSteps(
  store: Pick<ObjectStore, 'create'>,
  target: ObjectTarget,
  version: NewObject,
  { bytes, etag }: WholeBody,
): Promise<void> {
  const upload = await store.create(target, { ...version, sizeBytes: bytes.length });
  try {
    if (bytes.length > 0) await upload.write(bytes);
    await upload.commit({ etag, sizeBytes: bytes.length });
  } catch (error) {
    await upload.abort();
    throw error;
  }
}
