import { Type } from '@sinclair/typebox';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { cutPage, parsePageQuery } from '../../openstack/paging.ts';
import { completeAttachment } from '../actions/complete-attachment.ts';
import { createAttachment } from '../actions/create-attachment.ts';
import { deleteAttachment } from '../actions/delete-attachment.ts';
import { findAttachment } from '../actions/find-volume.ts';
import { updateAttachment } from '../actions/update-attachment.ts';
import { invalidInput } from '../errors.ts';
import type { VolumeParts } from '../parts.ts';
import type { AttachmentRecord, VolumeRecord } from '../store/records.ts';
import { renderAttachment, renderAttachmentSummary } from '../views/attachment-view.ts';
import { connector, parseConnector } from './connector.ts';
import { callerOf, isTrue, originOf, param, queryOf, queryText, requireVersion, versionOf } from './context.ts';
import { parseBody } from './parse-body.ts';
import { orNull, text, uuid } from './schemas.ts';
import { PAGING } from './volume-query.ts';

const createBody = Type.Object({
  attachment: Type.Object(
    {
      volume_uuid: uuid,
      instance_uuid: orNull(text),
      connector: orNull(connector),
      mode: Type.Optional(Type.Union([Type.Literal('rw'), Type.Literal('ro')])),
    },
    { additionalProperties: false },
  ),
});
const updateBody = Type.Object({ attachment: Type.Object({ connector }) });
const completeBody = Type.Object({ 'os-complete': Type.Unknown() });

/** Spec: Block Storage API v3, "Attachments" (3.27; os-complete 3.44; mode 3.54). */
export function attachmentRoutes(app: FastifyInstance, parts: VolumeParts): void {
  app.post('/attachments', async (request) => {
    requireVersion(request, 27);
    const body = parseBody(createBody, request.body).attachment;
    if (body.mode !== undefined && versionOf(request).minor < 54)
      throw invalidInput("Additional properties are not allowed ('mode' was unexpected)");
    const asked = body.connector && Object.keys(body.connector).length > 0 ? parseConnector(body.connector) : undefined;
    const caller = callerOf(request, parts);
    const { volume, attachment } = await createAttachment(parts, caller, {
      volumeId: body.volume_uuid,
      serverId: body.instance_uuid ?? null,
      mode: body.mode,
      connector: asked,
    });
    return { attachment: renderAttachment(parts, caller, volume, attachment) };
  });

  app.get('/attachments', async (request) => renderList(request, parts, 'attachments'));
  app.get('/attachments/detail', async (request) => renderList(request, parts, 'attachments/detail'));

  app.get('/attachments/:attachment_id', async (request) => {
    requireVersion(request, 27);
    const caller = callerOf(request, parts);
    const { volume, attachment } = findAttachment(parts, caller, param(request, 'attachment_id'), 'volume:get');
    return { attachment: renderAttachment(parts, caller, volume, attachment) };
  });

  app.put('/attachments/:attachment_id', async (request) => {
    requireVersion(request, 27);
    const body = parseBody(updateBody, request.body).attachment;
    const caller = callerOf(request, parts);
    const id = param(request, 'attachment_id');
    const { volume, attachment } = await updateAttachment(parts, caller, id, parseConnector(body.connector));
    return { attachment: renderAttachment(parts, caller, volume, attachment) };
  });

  app.delete('/attachments/:attachment_id', async (request) => {
    requireVersion(request, 27);
    const caller = callerOf(request, parts);
    const id = param(request, 'attachment_id');
    const { volume } = findAttachment(parts, caller, id, 'volume:get');
    const left = await deleteAttachment(parts, caller, id);
    return { attachments: left.map((each) => renderAttachmentSummary(volume, each)) };
  });

  app.post('/attachments/:attachment_id/action', async (request, reply) => {
    requireVersion(request, 44);
    parseBody(completeBody, request.body);
    await completeAttachment(parts, callerOf(request, parts), param(request, 'attachment_id'));
    return reply.status(204).send();
  });
}

async function renderList(
  request: FastifyRequest,
  parts: VolumeParts,
  path: 'attachments' | 'attachments/detail',
): Promise<unknown> {
  requireVersion(request, 27);
  const caller = callerOf(request, parts);
  parts.policy.authorize('volume:get_all', caller.identity, { project_id: caller.projectId });
  const query = queryOf(request);
  const seesAll = (caller.isAdmin || caller.isService) && isTrue(queryText(query, 'all_tenants'));
  const volumes = seesAll ? parts.volumes.all() : parts.volumes.ofProject(caller.projectId);
  const rows = volumes.flatMap((volume) => volume.attachments.map((attachment) => rowOf(volume, attachment)));
  const matching = rows.filter((row) =>
    Object.entries(FILTERS).every(([name, fieldOf]) => {
      const wanted = queryText(query, name);
      return wanted === undefined || wanted === fieldOf(row);
    }),
  );
  const rules = { ...PAGING, sortable: ['id', 'status'], defaultSort: [{ field: 'id', direction: 'asc' as const }] };
  const cut = cutPage(matching, parsePageQuery(query, rules), (row, field) =>
    field === 'status' ? row.attachment.status : row.id,
  );
  if (!cut) throw invalidInput('marker not found');
  const last = cut.page.at(-1);
  const next = new URLSearchParams(request.url.split('?')[1] ?? '');
  if (last) next.set('marker', last.id);
  return {
    attachments: cut.page.map(({ volume, attachment }) =>
      path === 'attachments'
        ? renderAttachmentSummary(volume, attachment)
        : renderAttachment(parts, caller, volume, attachment),
    ),
    ...(cut.more && last && { attachments_links: [{ rel: 'next', href: `${originOf(request)}/v3/${path}?${next}` }] }),
  };
}

interface Row {
  id: string;
  volume: VolumeRecord;
  attachment: AttachmentRecord;
}

function rowOf(volume: VolumeRecord, attachment: AttachmentRecord): Row {
  return { id: attachment.id, volume, attachment };
}

const FILTERS: Readonly<Record<string, (row: Row) => string | null>> = {
  volume_id: ({ volume }) => volume.id,
  instance_id: ({ attachment }) => attachment.serverId,
  instance_uuid: ({ attachment }) => attachment.serverId,
  status: ({ attachment }) => attachment.status,
  attach_status: ({ attachment }) => attachment.status,
  project_id: ({ volume }) => volume.projectId,
};
