import { ApiError } from '../../common/errors.ts';
import { invalidInput, notFound, volumeTypeNotFound } from '../errors.ts';
import { MOST_METADATA_ITEMS } from '../limits.ts';
import type { Caller, VolumeParts } from '../parts.ts';
import type { VolumeTypeRecord } from '../store/records.ts';

const MANAGE = 'volume_extension:type_manage';

function mayUseType(caller: Caller, type: VolumeTypeRecord): boolean {
  return type.isPublic || caller.isAdmin || type.projectIds.includes(caller.projectId);
}

/** @throws ApiError 404 for a type that is not there, or not for this project. */
export async function findType(parts: VolumeParts, caller: Caller, idOrName: string): Promise<VolumeTypeRecord> {
  parts.policy.authorize('volume_extension:type_get', caller.identity);
  const type = await parts.types.find(idOrName);
  if (!type || !mayUseType(caller, type)) throw volumeTypeNotFound(idOrName);
  return type;
}

export async function listTypes(parts: VolumeParts, caller: Caller): Promise<VolumeTypeRecord[]> {
  parts.policy.authorize('volume_extension:type_get', caller.identity);
  return (await parts.types.list()).filter((type) => mayUseType(caller, type));
}

export async function createType(
  parts: VolumeParts,
  caller: Caller,
  type: Pick<VolumeTypeRecord, 'name' | 'description' | 'isPublic' | 'extraSpecs'>,
): Promise<VolumeTypeRecord> {
  parts.policy.authorize(MANAGE, caller.identity);
  return parts.types.create(type);
}

/** @throws ApiError 400 when the default type would lose its name, or its being for everybody. */
export async function updateType(
  parts: VolumeParts,
  caller: Caller,
  id: string,
  changes: Partial<Pick<VolumeTypeRecord, 'name' | 'description' | 'isPublic'>>,
): Promise<VolumeTypeRecord> {
  parts.policy.authorize(MANAGE, caller.identity);
  return parts.types.update(id, (record) => {
    const next = { ...record, ...changes };
    if (record.name === parts.types.defaultName && (next.name !== record.name || !next.isPublic))
      throw invalidInput(`the default volume type ${record.name} keeps its name and stays public`);
    return next;
  });
}

/** @throws ApiError 400 for the default type and for one that volumes have. */
export async function deleteType(parts: VolumeParts, caller: Caller, id: string): Promise<void> {
  parts.policy.authorize(MANAGE, caller.identity);
  const type = await parts.types.get(id);
  if (!type) throw volumeTypeNotFound(id);
  if (type.name === parts.types.defaultName) throw refused('VolumeTypeDefault', 'The volume type is the default one.');
  if (parts.volumes.all().some(({ typeId }) => typeId === id))
    throw refused('VolumeTypeInUse', 'Target volume type is still in use.');
  await parts.types.remove(id);
}

export async function setExtraSpecs(
  parts: VolumeParts,
  caller: Caller,
  id: string,
  specs: Readonly<Record<string, string>>,
): Promise<void> {
  parts.policy.authorize(MANAGE, caller.identity);
  await parts.types.update(id, (record) => {
    const extraSpecs = { ...record.extraSpecs, ...specs };
    if (Object.keys(extraSpecs).length > MOST_METADATA_ITEMS)
      throw invalidInput(`a volume type has at most ${MOST_METADATA_ITEMS} extra specs`);
    return { ...record, extraSpecs };
  });
}

export async function removeExtraSpec(parts: VolumeParts, caller: Caller, id: string, key: string): Promise<void> {
  parts.policy.authorize(MANAGE, caller.identity);
  await parts.types.update(id, (record) => {
    const { [key]: removed, ...extraSpecs } = record.extraSpecs;
    if (removed === undefined) throw notFound(`Volume Type ${id} extra spec ${key.slice(0, 64)}`);
    return { ...record, extraSpecs };
  });
}

/** Lets a project use a type that is not public, or no longer. */
export async function setTypeAccess(
  parts: VolumeParts,
  caller: Caller,
  id: string,
  { projectId, allowed }: { projectId: string; allowed: boolean },
): Promise<void> {
  parts.policy.authorize('volume_extension:volume_type_access', caller.identity);
  await parts.types.update(id, (record) => {
    if (record.isPublic) throw invalidInput(`Type access modification is not applicable to public volume type.`);
    const has = record.projectIds.includes(projectId);
    if (allowed && has) throw conflictingAccess(id, projectId);
    if (!allowed && !has) throw notFound(`Volume type access for ${id} / ${projectId.slice(0, 64)} combination`);
    if (record.projectIds.length >= MOST_METADATA_ITEMS && allowed)
      throw invalidInput('too many projects use this type');
    const others = record.projectIds.filter((each) => each !== projectId);
    return { ...record, projectIds: allowed ? [...others, projectId] : others };
  });
}

function conflictingAccess(id: string, projectId: string): ApiError {
  return new ApiError({
    status: 409,
    code: 'VolumeTypeAccessExists',
    message: `Volume type access for ${id} / ${projectId.slice(0, 64)} combination already exists.`,
  });
}

function refused(code: string, message: string): ApiError {
  return new ApiError({ status: 400, code, message });
}
