import { pino } from 'pino';
import { expect, it } from 'vitest';
import { createApp } from '../../../../common/http/app.ts';
import { refuseWrongMethods } from '../../../../common/http/wrong-method.ts';
import { renderFault } from '../../../../openstack/faults.ts';

function appWithRoutes() {
  const app = createApp({
    logger: pino({ level: 'silent' }),
    renderError: renderFault,
    newRequestId: () => 'req-1',
    requestIdHeaders: ['x-openstack-request-id'],
    mostBodyBytes: 1024,
  });
  app.addHook('onRequest', async ({ headers }, reply) => {
    if (headers['x-stranger']) await reply.status(401).send();
  });
  refuseWrongMethods(app);
  app.get('/birds', async () => 'all');
  app.get<{ Params: { id: string } }>('/birds/:id', async ({ params }) => params.id);
  app.patch<{ Params: { bird: string } }>('/birds/:bird', async ({ params }) => params.bird);
  app.delete('/birds/:id/nests/:nest', async () => 'gone');
  app.route({ method: ['POST', 'PUT'], url: '/anything/*', handler: async () => 'yes' });
  return app;
}

it.each([
  ['POST', '/birds', 'GET, HEAD'],
  ['PUT', '/birds/1', 'GET, HEAD, PATCH'],
  ['GET', '/birds/1/nests/2', 'DELETE'],
  ['HEAD', '/birds/1/nests/2/', 'DELETE'],
  ['DELETE', '/anything/at/all', 'POST, PUT'],
] as const)('answers 405 to %s %s and names what there is: %s', async (method, url, allow) => {
  const answer = await appWithRoutes().inject({ method, url, payload: '{', headers: { 'content-type': 'text/x' } });
  expect([answer.statusCode, answer.headers.allow]).toEqual([405, allow]);
});

it('leaves what there is, what is unknown, and what hooks refuse', async () => {
  const app = appWithRoutes();
  expect((await app.inject('/birds/7')).body).toBe('7');
  expect((await app.inject({ method: 'PATCH', url: '/birds/7' })).body).toBe('7');
  expect((await app.inject({ method: 'PUT', url: '/fish' })).statusCode).toBe(404);
  const stranger = { 'x-stranger': 'yes' };
  expect((await app.inject({ method: 'PUT', url: '/birds', headers: stranger })).statusCode).toBe(401);
});
