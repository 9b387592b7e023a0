import { buildImage } from '../../image/service.ts';
import { listenTo } from './listen.ts';
import { type Running, recordsOf, type TrustingNode } from './node.ts';

export function startImages(node: TrustingNode): Promise<Running> {
  const service = buildImage({
    config: node.config.image,
    store: recordsOf(node),
    verifier: node.verifier,
    session: node.session('glance'),
    clock: node.clock,
    logger: node.logger,
    dataFolder: node.dataPath,
    ...(node.policyFile ? { policyOverrides: node.policyFile } : {}),
    identityUrl: node.publicUrl('auth'),
  });
  return listenTo('image', service, node.config.host, node.port('image'));
}
