import { ApiError } from '../../common/errors.ts';
import type { ImageBody } from '../../image/contract.ts';
import type { Caller, ComputeContext } from '../context.ts';
import { badRequest } from '../errors.ts';
import { MOST_COMMAND_LINE_CHARACTERS } from '../limits.ts';
import { asUser } from '../services.ts';
import type { DirectBoot, LocalDiskFormat, RootImage, ServerRecord } from '../store/records.ts';
import type { NewServers } from './new-servers.ts';

type Boot = Pick<ServerRecord, 'image' | 'directBoot'>;

/** Disk formats that a guest can have as its root disk, and how QEMU is told to read them. */
const BOOTABLE: Readonly<Record<string, LocalDiskFormat>> = { raw: 'raw', ami: 'raw', iso: 'raw', qcow2: 'qcow2' };

/**
 * What the server boots from: its image, or the volume of boot index 0; with the kernel that either names.
 *
 * @throws ApiError 400 when nothing can be booted, or not with this flavor.
 */
export async function chooseBoot(context: ComputeContext, caller: Caller, request: NewServers): Promise<Boot> {
  const first = request.devices.filter(({ bootIndex }) => bootIndex === 0);
  if (first.length + (request.imageId === null ? 0 : 1) !== 1) throw noBootOrder();
  if (request.imageId !== null) {
    const image = await usableImage(context, caller, request.imageId, request.flavor);
    return { image: rootImageOf(image), directBoot: await directBootOf(context, caller, image.properties) };
  }
  const properties = await propertiesOfBootDevice(context, caller, request);
  return { image: null, directBoot: await directBootOf(context, caller, properties) };
}

async function propertiesOfBootDevice(
  context: ComputeContext,
  caller: Caller,
  { devices, flavor }: NewServers,
): Promise<Readonly<Record<string, string>>> {
  const device = devices.find(({ bootIndex }) => bootIndex === 0);
  if (!device) throw noBootOrder();
  if ('source' in device.from) {
    const { source } = device.from;
    if (source.kind === 'blank') throw badRequest('A blank volume cannot be booted.');
    return (await usableImage(context, caller, source.imageId, { ...flavor, diskGib: 0 })).properties;
  }
  const volume = await context.volumes
    .showVolume(await asUser(context, caller), device.from.volumeId)
    .catch(inRequest(`Volume ${device.from.volumeId}`));
  return volume.volume_image_metadata ?? {};
}

async function usableImage(
  { images }: ComputeContext,
  caller: Caller,
  imageId: string,
  flavor: { ramMib: number; diskGib: number },
): Promise<ImageBody> {
  const image = await images.show(caller.token, imageId).catch(inRequest(`Image ${imageId}`));
  if (image.status !== 'active') throw badRequest(`Image ${imageId} is not active.`);
  if (image.min_ram > flavor.ramMib) throw badRequest("Flavor's memory is too small for requested image.");
  if (flavor.diskGib > 0 && image.min_disk > flavor.diskGib)
    throw badRequest("Flavor's disk is smaller than the minimum size specified in image metadata.");
  return image;
}

function rootImageOf(image: ImageBody): RootImage {
  const diskFormat = BOOTABLE[image.disk_format ?? ''];
  if (!diskFormat) throw badRequest(`An image of disk format ${image.disk_format} cannot be booted.`);
  return { id: image.id, diskFormat };
}

async function directBootOf(
  { images }: ComputeContext,
  caller: Caller,
  properties: Readonly<Record<string, string>>,
): Promise<DirectBoot | null> {
  const kernelId = properties['kernel_id'];
  if (!kernelId) return null;
  const ramdiskId = properties['ramdisk_id'] || null;
  const commandLine = properties['os_command_line'] || null;
  if (commandLine !== null && commandLine.length > MOST_COMMAND_LINE_CHARACTERS)
    throw badRequest(`os_command_line is longer than ${MOST_COMMAND_LINE_CHARACTERS} characters.`);
  for (const id of [kernelId, ...(ramdiskId === null ? [] : [ramdiskId])]) {
    const { status } = await images.show(caller.token, id).catch(inRequest(`Image ${id}`));
    if (status !== 'active') throw badRequest(`Image ${id} is not active.`);
  }
  return { kernelId, ramdiskId, commandLine };
}

/** What the request names and the caller may not see is a mistake in the request. */
function inRequest(what: string): (error: unknown) => never {
  return (error) => {
    if (error instanceof ApiError && (error.status === 404 || error.status === 403))
      throw badRequest(`${what} could not be found.`);
    throw error;
  };
}

function noBootOrder(): ApiError {
  return badRequest(
    'Block Device Mapping is Invalid: Boot sequence for the instance and image/block device mapping combination is not valid.',
  );
}
