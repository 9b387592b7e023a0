import { TypeCompiler } from '@sinclair/typebox/compiler';
import type { FastifyInstance } from 'fastify';
import { parseBackendPath } from '../../common/cluster/backend-path.ts';
import { DIGEST_HEADER, parseSignedJson } from '../../common/cluster/signed-json.ts';
import { ApiError } from '../../common/errors.ts';
import { BETWEEN_ROWS, type ListingStore } from '../contract.ts';
import { isPage, type Operation, operations } from '../operations.ts';

const compiled = new Map(
  Object.entries(operations).map(([name, operation]) => [
    name,
    { operation, check: TypeCompiler.Compile(operation.argument) },
  ]),
);

/** `POST /<device>/<partition>/<account>[/<container>]` with `X-Backend-Operation`. Spec: docs/formats/listing-backend.md */
export function routeOperations(app: FastifyInstance, store: ListingStore): void {
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.post('/*', async (request, reply) => {
    const { headers, body } = request;
    const found = compiled.get(String(headers['x-backend-operation']));
    if (found === undefined) throw badRequest('X-Backend-Operation names nothing that this node does.');
    const target = targetOf(request.raw.url ?? '', found.operation);
    const argument = parseSignedJson(body instanceof Uint8Array ? body : Buffer.alloc(0), headers[DIGEST_HEADER]);
    if (!found.check.Check(argument)) {
      const [problem] = found.check.Errors(argument);
      throw badRequest(`The body does not fit: ${problem?.path ?? ''} ${problem?.message ?? ''}`);
    }
    const result = await found.operation.run(store, target, argument);
    if (isPage(result)) return reply.type('text/plain; charset=utf-8').send(joinChunks(result.chunks));
    return reply.type('application/json').send(JSON.stringify(result ?? null));
  });
}

/** As one chunk. */
function joinChunks(chunks: readonly Uint8Array[]): Buffer {
  const between = Buffer.from(BETWEEN_ROWS);
  return Buffer.concat(chunks.flatMap((chunk, index) => (index === 0 ? [chunk] : [between, chunk])));
}

function targetOf(url: string, { on }: Operation) {
  if (on === 'node') {
    if (url !== '/') throw badRequest('The path names something.');
    return { device: '', partition: 0, account: '', container: '' };
  }
  const { device, partition, names } = parseBackendPath(url);
  const [account, container] = names;
  if (account === undefined || names.length !== (on === 'account' ? 1 : 2))
    throw badRequest(`The path does not name an ${on}.`);
  return { device, partition, account, container: container ?? '' };
}

function badRequest(message: string): ApiError {
  return new ApiError({ status: 400, code: 'BadRequest', message });
}
