import { ConflictError, commitChanges } from '../../common/kv/table.ts';
import type { ComputeContext } from '../context.ts';
import { conflict } from '../errors.ts';
import type { FlavorRecord } from './records.ts';

type Tables = Pick<ComputeContext, 'tables'>;

/** Small ones: without KVM a guest is emulated, and its memory is this machine's. */
const BUILT_IN: readonly Pick<FlavorRecord, 'id' | 'name' | 'ramMib' | 'vcpus' | 'diskGib'>[] = [
  { id: '1', name: 'm1.nano', ramMib: 128, vcpus: 1, diskGib: 1 },
  { id: '2', name: 'm1.micro', ramMib: 192, vcpus: 1, diskGib: 1 },
  { id: '3', name: 'm1.tiny', ramMib: 256, vcpus: 1, diskGib: 2 },
  { id: '4', name: 'm1.small', ramMib: 384, vcpus: 1, diskGib: 5 },
  { id: '5', name: 'm1.medium', ramMib: 512, vcpus: 2, diskGib: 10 },
];

/** Makes the built-in flavors at the first start; later, one that was deleted stays deleted. */
export async function ensureFlavors({ tables }: Tables): Promise<void> {
  for await (const _ of tables.flavors.scan()) return;
  const flavors = BUILT_IN.map((flavor) => ({ ...flavor, description: null, isPublic: true, extraSpecs: {} }));
  await commitChanges(tables.store, ...flavors.map((flavor) => tables.flavors.insert(flavor)));
}

export async function findFlavor({ tables }: Tables, id: string): Promise<FlavorRecord | undefined> {
  return (await tables.flavors.get(id))?.record;
}

/** @throws ApiError 409 when the id or the name is taken. */
export async function insertFlavor({ tables }: Tables, flavor: FlavorRecord): Promise<void> {
  try {
    await commitChanges(tables.store, tables.flavors.insert(flavor));
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error;
    throw conflict(
      `Flavor with ${error.key.includes('by-name') ? `name ${flavor.name}` : `ID ${flavor.id}`} already exists.`,
    );
  }
}

export async function removeFlavor({ tables }: Tables, id: string): Promise<boolean> {
  const stored = await tables.flavors.get(id);
  if (stored) await commitChanges(tables.store, tables.flavors.remove(stored));
  return stored !== undefined;
}
