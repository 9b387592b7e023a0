import type { FastifyInstance } from 'fastify';
import { notBuilt, notFound } from '../errors.ts';
import { param } from './context.ts';

/** Resources of the Block Storage API that do not exist here, by path and the key of their lists. */
const RESOURCES: readonly { path: string; key: string; noun: string }[] = [
  { path: '/snapshots', key: 'snapshots', noun: 'Snapshot' },
  { path: '/backups', key: 'backups', noun: 'Backup' },
  { path: '/os-volume-transfer', key: 'transfers', noun: 'Transfer' },
  { path: '/volume-transfers', key: 'transfers', noun: 'Transfer' },
  { path: '/groups', key: 'groups', noun: 'Group' },
  { path: '/group_snapshots', key: 'group_snapshots', noun: 'Group snapshot' },
  { path: '/group_types', key: 'group_types', noun: 'Group type' },
  { path: '/consistencygroups', key: 'consistencygroups', noun: 'Consistency group' },
  { path: '/cgsnapshots', key: 'cgsnapshots', noun: 'Consistency group snapshot' },
  { path: '/qos-specs', key: 'qos_specs', noun: 'QoS specs' },
  { path: '/clusters', key: 'clusters', noun: 'Cluster' },
];

/** Management of what drivers hold; there is no truth to tell about these. */
const ADMINISTRATION = [
  'os-volume-manage',
  'os-snapshot-manage',
  'manageable_volumes',
  'manageable_snapshots',
  'workers',
  'default-types',
  'os-hosts',
  'capabilities',
];

/** None of them can be made, so their lists are empty and no id is known: the truth. Everything else is answered 501. */
export function notBuiltRoutes(app: FastifyInstance): void {
  for (const { path, key, noun } of RESOURCES) {
    app.get(path, async () => ({ [key]: [] }));
    app.get(`${path}/detail`, async () => ({ [key]: [] }));
    app.get(`${path}/:resource_id`, async (request) => {
      throw notFound(`${noun} ${param(request, 'resource_id').slice(0, 64)}`);
    });
    const refuse = async (): Promise<never> => {
      throw notBuilt(`${noun} management`);
    };
    app.route({ method: ['POST', 'PUT', 'DELETE'], url: path, handler: refuse });
    app.route({ method: ['POST', 'PUT', 'DELETE'], url: `${path}/*`, handler: refuse });
  }
  for (const name of ADMINISTRATION) {
    const refuse = async (): Promise<never> => {
      throw notBuilt(name);
    };
    app.route({ method: ['GET', 'POST', 'PUT', 'DELETE'], url: `/${name}`, handler: refuse });
    app.route({ method: ['GET', 'POST', 'PUT', 'DELETE'], url: `/${name}/*`, handler: refuse });
  }
}
