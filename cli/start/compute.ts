import { buildCompute } from '../../compute/service.ts';
import { createImageClient } from '../../image/client.ts';
import * as volumes from '../../volume/client.ts';
import { listenTo } from './listen.ts';
import { type Running, recordsOf, type TrustingNode } from './node.ts';

export function startCompute(node: TrustingNode): Promise<Running> {
  const session = node.session('nova');
  const service = buildCompute({
    config: node.config.compute,
    store: recordsOf(node),
    verifier: node.verifier,
    session,
    volumes,
    images: createImageClient({ endpoint: () => session.endpoint('image') }),
    clock: node.clock,
    logger: node.logger,
    dataFolder: node.dataPath,
    ...(node.policyFile ? { policyOverrides: node.policyFile } : {}),
    authUrl: node.authUrl,
  });
  return listenTo('compute', service, node.config.host, node.port('compute'));
}
