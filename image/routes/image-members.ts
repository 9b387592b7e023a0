import type { FastifyInstance } from 'fastify';
import { addMember, listMembers, removeMember, setMemberStatus, showMember } from '../actions/members.ts';
import type { ImageContext } from '../context.ts';
import { invalid } from '../errors.ts';
import type { MemberStatus } from '../records/image-record.ts';
import { parseObject } from './parse-body.ts';
import { renderMember } from './render-image.ts';

type MemberParams = { Params: { id: string; memberId: string } };

const STATUSES: readonly MemberStatus[] = ['pending', 'accepted', 'rejected'];

/** `/v2/images/{id}/members`. Spec: Image API v2, "Image Sharing". */
export function registerImageMembers(app: FastifyInstance, context: ImageContext): void {
  app.get<{ Params: { id: string } }>('/v2/images/:id/members', async (request) => {
    const { id } = request.params;
    const members = await listMembers(context, request.identity, id);
    return { members: members.map((member) => renderMember(id, member)), schema: '/v2/schemas/members' };
  });

  app.post<{ Params: { id: string } }>('/v2/images/:id/members', async (request) => {
    const { id } = request.params;
    const { member: memberId } = parseObject(request);
    if (typeof memberId !== 'string') throw invalid('member: the id of a project is expected.');
    return renderMember(id, await addMember(context, request.identity, { imageId: id, memberId }));
  });

  app.get<MemberParams>('/v2/images/:id/members/:memberId', async (request) => {
    const { id, memberId } = request.params;
    return renderMember(id, await showMember(context, request.identity, { imageId: id, memberId }));
  });

  app.put<MemberParams>('/v2/images/:id/members/:memberId', async (request) => {
    const { id, memberId } = request.params;
    const asked = parseObject(request)['status'];
    const status = STATUSES.find((each) => each === asked);
    if (status === undefined) throw invalid(`status: one of ${STATUSES.join(', ')} is expected.`);
    return renderMember(id, await setMemberStatus(context, request.identity, { imageId: id, memberId, status }));
  });

  app.delete<MemberParams>('/v2/images/:id/members/:memberId', async (request, reply) => {
    const { id, memberId } = request.params;
    await removeMember(context, request.identity, { imageId: id, memberId });
    return reply.status(204).send();
  });
}
