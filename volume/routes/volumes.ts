import { Type } from '@sinclair/typebox';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { createVolume } from '../actions/create-volume.ts';
import { deleteVolume, forceDeleteVolume } from '../actions/delete-volume.ts';
import { renameVolume } from '../actions/edit-volume.ts';
import { findVolume } from '../actions/find-volume.ts';
import { listVolumes } from '../actions/list-volumes.ts';
import { invalidInput } from '../errors.ts';
import type { VolumeParts } from '../parts.ts';
import { renderCreated, renderSummary, renderVolume } from '../views/volume-view.ts';
import {
  accepted,
  callerOf,
  isTrue,
  originOf,
  param,
  queryOf,
  queryText,
  requireVersion,
  versionOf,
  viewOf,
} from './context.ts';
import { parseBody } from './parse-body.ts';
import { metadata, orNull, sizeLike, text, toSize, uuid } from './schemas.ts';
import { parseVolumeQuery } from './volume-query.ts';

const createBody = Type.Object({
  volume: Type.Object(
    {
      size: orNull(sizeLike),
      name: orNull(text),
      display_name: orNull(text),
      description: orNull(text),
      display_description: orNull(text),
      metadata: orNull(metadata),
      imageRef: orNull(text),
      image_id: orNull(text),
      volume_type: orNull(text),
      availability_zone: orNull(text),
      source_volid: orNull(uuid),
      snapshot_id: orNull(text),
      backup_id: orNull(text),
      consistencygroup_id: orNull(text),
      group_id: orNull(text),
      multiattach: orNull(Type.Unknown()),
      user_id: orNull(text),
      project_id: orNull(text),
      status: orNull(text),
      attach_status: orNull(text),
      source_replica: orNull(text),
    },
    { additionalProperties: false },
  ),
});

const updateBody = Type.Object({
  volume: Type.Object(
    {
      name: orNull(text),
      display_name: orNull(text),
      description: orNull(text),
      display_description: orNull(text),
      metadata: orNull(metadata),
    },
    { additionalProperties: false },
  ),
});

/** Spec: Block Storage API v3, "Volumes". */
export function volumeRoutes(app: FastifyInstance, parts: VolumeParts): void {
  app.post('/volumes', async (request, reply) => {
    const { volume } = parseBody(createBody, request.body);
    if (volume.multiattach === true) throw invalidInput('multiattach is a matter of the volume type: <is> True');
    for (const name of ['consistencygroup_id', 'group_id', 'source_replica'] as const)
      if (volume[name]) throw invalidInput(`${name} is not supported: groups and replicas are not built`);
    const made = await createVolume(parts, callerOf(request, parts), {
      sizeGib: volume.size == null ? undefined : toSize(volume.size),
      name: trimmed(volume.name ?? volume.display_name),
      description: trimmed(volume.description ?? volume.display_description),
      metadata: volume.metadata ?? {},
      imageId: volume.imageRef ?? volume.image_id ?? undefined,
      sourceVolumeId: volume.source_volid ?? undefined,
      snapshotId: volume.snapshot_id ?? undefined,
      backupId: volume.backup_id ?? undefined,
      type: volume.volume_type ?? undefined,
      availabilityZone: volume.availability_zone ?? undefined,
    });
    return reply.status(202).send({ volume: renderCreated(made, await viewOf(request, parts)) });
  });

  app.get('/volumes', async (request) => renderList(request, parts, 'volumes'));
  app.get('/volumes/detail', async (request) => renderList(request, parts, 'volumes/detail'));

  app.get('/volumes/summary', async (request) => {
    requireVersion(request, 12);
    const { filter } = parseVolumeQuery(request);
    const everything = { limit: Number.MAX_SAFE_INTEGER, marker: undefined, sort: [] };
    const { page } = listVolumes(parts, callerOf(request, parts), filter, everything);
    const size = page.reduce((sum, { sizeGib }) => sum + sizeGib, 0);
    const items: Record<string, Set<string>> = {};
    for (const volume of page)
      for (const [key, value] of Object.entries(volume.metadata)) items[key] = (items[key] ?? new Set()).add(value);
    const metadataSummary = Object.fromEntries(Object.entries(items).map(([key, values]) => [key, [...values]]));
    return {
      'volume-summary': {
        total_size: size,
        total_count: page.length,
        ...(versionOf(request).minor >= 36 && { metadata: metadataSummary }),
      },
    };
  });

  app.get('/volumes/:volume_id', async (request) => {
    const volume = findVolume(parts, callerOf(request, parts), param(request, 'volume_id'), 'volume:get');
    return { volume: renderVolume(volume, await viewOf(request, parts)) };
  });

  app.put('/volumes/:volume_id', async (request) => {
    const { volume } = parseBody(updateBody, request.body);
    const name = volume.name === undefined ? volume.display_name : volume.name;
    const description = volume.description === undefined ? volume.display_description : volume.description;
    const changed = await renameVolume(parts, callerOf(request, parts), param(request, 'volume_id'), {
      ...(name !== undefined && { name: trimmed(name) }),
      ...(description !== undefined && { description: trimmed(description) }),
      ...(volume.metadata && { metadata: volume.metadata }),
    });
    return { volume: renderCreated(changed, await viewOf(request, parts)) };
  });

  app.delete('/volumes/:volume_id', async (request, reply) => {
    const force = versionOf(request).minor >= 23 && isTrue(queryText(queryOf(request), 'force'));
    const destroy = force ? forceDeleteVolume : deleteVolume;
    await destroy(parts, callerOf(request, parts), param(request, 'volume_id'));
    return accepted(reply);
  });

  // No volume is encrypted: the truth is one line. Spec: Block Storage API v3, "Show volume encryption".
  app.get('/volumes/:volume_id/encryption', async (request) => {
    findVolume(parts, callerOf(request, parts), param(request, 'volume_id'), 'volume:get');
    return {};
  });
}

async function renderList(
  request: FastifyRequest,
  parts: VolumeParts,
  path: 'volumes' | 'volumes/detail',
): Promise<unknown> {
  const { filter, page: query } = parseVolumeQuery(request);
  const view = await viewOf(request, parts);
  const { page, total } = listVolumes(parts, view.caller, filter, query);
  const render = path === 'volumes' ? renderSummary : renderVolume;
  const withCount = view.version.minor >= 45 && isTrue(queryText(queryOf(request), 'with_count'));
  return {
    volumes: page.map((volume) => render(volume, view)),
    // Cinder links on from every full page, the last one included: the page after it is empty.
    ...(page.length === query.limit &&
      page.length > 0 && { volumes_links: [{ rel: 'next', href: nextLink(request, path, page.at(-1)?.id) }] }),
    ...(withCount && { count: total }),
  };
}

function nextLink(request: FastifyRequest, path: string, marker = ''): string {
  const query = new URLSearchParams(request.url.split('?')[1] ?? '');
  query.set('marker', marker);
  const project = param(request, 'project_id');
  return `${originOf(request)}/v3/${project === '' ? '' : `${project}/`}${path}?${query}`;
}

function trimmed(value: string | null | undefined): string | null {
  return value?.trim() ?? null;
}
