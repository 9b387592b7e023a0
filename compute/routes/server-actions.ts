import type { FastifyInstance, FastifyRequest } from 'fastify';
import { beginPowerAction } from '../actions/power-server.ts';
import type { ComputeContext } from '../context.ts';
import { badRequest, conflict, notImplemented } from '../errors.ts';
import { parseBody } from '../parse.ts';
import { updateServer } from '../store/servers.ts';
import { findServer, noteAction } from './request.ts';
import { consoleBody, rebootBody, resetStateBody } from './schemas.ts';

/** The answer's body; undefined answers 202 without one. */
type Action = (context: ComputeContext, request: FastifyRequest) => Promise<object | undefined>;

const ACTIONS: Readonly<Record<string, Action>> = {
  'os-start': (context, request) => power(context, request, 'start', 'os_compute_api:servers:start'),
  'os-stop': (context, request) => power(context, request, 'stop', 'os_compute_api:servers:stop'),
  reboot: async (context, request) => {
    const { type } = parseBody(rebootBody, request.body).reboot;
    return power(context, request, type === 'SOFT' ? 'reboot soft' : 'reboot hard', 'os_compute_api:servers:reboot');
  },
  'os-resetState': async (context, request) => {
    const server = await findServer(context, request, 'os_compute_api:os-admin-actions:reset_state');
    const { state } = parseBody(resetStateBody, request.body)['os-resetState'];
    const running = context.hypervisor.isRunning(server.id);
    const vmState = state === 'error' ? 'error' : running ? 'active' : 'stopped';
    await updateServer(context, server.id, (each) => ({ ...each, vmState, taskState: null }));
    return undefined;
  },
  'os-getConsoleOutput': async (context, request) => {
    const server = await findServer(context, request, 'os_compute_api:os-console-output');
    const length = parseBody(consoleBody, request.body)['os-getConsoleOutput']?.length ?? undefined;
    if (server.vmState === 'building') throw conflict(`Instance ${server.id} is not ready`);
    return { output: lastLines(await context.hypervisor.consoleOutput(server.id), length) };
  },
};

/** Actions that Nova has and this service has not. */
const UNAVAILABLE = new Set(
  (
    'addFixedIp addFloatingIp addSecurityGroup changePassword confirmResize createBackup createImage evacuate forceDelete injectNetworkInfo lock ' +
    'migrate os-getRDPConsole os-getSPICEConsole os-getSerialConsole os-getVNCConsole os-migrateLive pause rebuild removeFixedIp ' +
    'removeFloatingIp removeSecurityGroup rescue resetNetwork resize restore resume revertResize shelve shelveOffload suspend ' +
    'trigger_crash_dump unlock unpause unrescue unshelve'
  ).split(' '),
);

/** `POST /servers/{id}/action`. Spec: Compute API, "Servers - run an action". */
export function serverActionRoutes(app: FastifyInstance, context: ComputeContext): void {
  app.post('/v2.1/servers/:id/action', async (request, reply) => {
    await findServer(context, request, 'os_compute_api:servers:show');
    const names = typeof request.body === 'object' && request.body !== null ? Object.keys(request.body) : [];
    const [name = ''] = names;
    if (names.length !== 1) throw badRequest('There is no such action: a body has exactly one.');
    const action = Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined;
    if (!action) {
      if (UNAVAILABLE.has(name)) throw notImplemented(`Server action '${name}'`);
      throw badRequest(`There is no such action: ${name.slice(0, 64)}`);
    }
    const body = await action(context, request);
    return body ?? reply.status(202).send();
  });
}

async function power(
  context: ComputeContext,
  request: FastifyRequest,
  action: Parameters<typeof beginPowerAction>[2],
  policy: string,
): Promise<undefined> {
  const server = await findServer(context, request, policy);
  await beginPowerAction(context, server.id, action);
  await noteAction(context, request, server, action.split(' ')[0] ?? action);
  return undefined;
}

/** @param length how many lines; undefined or negative = all that is kept. */
function lastLines(text: string, length: number | undefined): string {
  if (length === undefined || length < 0) return text;
  if (length === 0) return '';
  const lines = text.split('\n');
  const ended = lines.at(-1) === '';
  return lines.slice(-length - (ended ? 1 : 0)).join('\n');
}
