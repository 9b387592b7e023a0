import { Type } from '@sinclair/typebox';
import type { FastifyInstance } from 'fastify';
import { removeMetadata, setMetadata } from '../actions/edit-volume.ts';
import { findVolume } from '../actions/find-volume.ts';
import { invalidInput, notFound } from '../errors.ts';
import type { VolumeParts } from '../parts.ts';
import { callerOf, param } from './context.ts';
import { parseBody } from './parse-body.ts';
import { metadata } from './schemas.ts';

const metadataBody = Type.Object({ metadata });
const itemBody = Type.Object({ meta: metadata });

/** Spec: Block Storage API v3, "Volumes": metadata. */
export function volumeMetadataRoutes(app: FastifyInstance, parts: VolumeParts): void {
  const path = '/volumes/:volume_id/metadata';

  app.get(path, async (request) => {
    const volume = findVolume(
      parts,
      callerOf(request, parts),
      param(request, 'volume_id'),
      'volume:get_volume_metadata',
    );
    return { metadata: volume.metadata };
  });

  for (const [method, replaceAll, action] of [
    ['POST', false, 'volume:create_volume_metadata'],
    ['PUT', true, 'volume:update_volume_metadata'],
  ] as const) {
    app.route({
      method,
      url: path,
      handler: async (request) => {
        const { metadata: items } = parseBody(metadataBody, request.body);
        const edit = { kind: 'metadata', action, items, replaceAll } as const;
        return { metadata: await setMetadata(parts, callerOf(request, parts), param(request, 'volume_id'), edit) };
      },
    });
  }

  app.get(`${path}/:key`, async (request) => {
    const volume = findVolume(
      parts,
      callerOf(request, parts),
      param(request, 'volume_id'),
      'volume:get_volume_metadata',
    );
    const key = param(request, 'key');
    const value = volume.metadata[key];
    if (value === undefined) throw notFound(`Metadata item ${key.slice(0, 64)}`);
    return { meta: { [key]: value } };
  });

  app.put(`${path}/:key`, async (request) => {
    const { meta } = parseBody(itemBody, request.body);
    const key = param(request, 'key');
    const value = meta[key];
    if (value === undefined || Object.keys(meta).length !== 1)
      throw invalidInput('Request body and URI mismatch or too many items');
    await setMetadata(parts, callerOf(request, parts), param(request, 'volume_id'), {
      kind: 'metadata',
      action: 'volume:update_volume_metadata',
      items: { [key]: value },
      replaceAll: false,
    });
    return { meta: { [key]: value } };
  });

  app.delete(`${path}/:key`, async (request, reply) => {
    await removeMetadata(parts, callerOf(request, parts), param(request, 'volume_id'), {
      kind: 'metadata',
      action: 'volume:delete_volume_metadata',
      key: param(request, 'key'),
    });
    return reply.status(200).send();
  });
}
