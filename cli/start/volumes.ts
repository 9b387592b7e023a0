import { buildVolume } from '../../volume/service.ts';
import { startBuiltInTarget } from '../../volume/targets/built-in.ts';
import { portError } from '../ports.ts';
import { listenTo } from './listen.ts';
import { type Running, recordsOf, type TrustingNode } from './node.ts';

/** The iSCSI target first: the volume service exports live attachments again before its API answers. */
export async function startVolumes(node: TrustingNode, onDeath: (error: Error) => void): Promise<Running[]> {
  const { config, logger } = node;
  const targets = await startBuiltInTarget({ address: config.host, port: node.port('iscsi'), logger }).catch(
    (error: unknown) => {
      throw portError(error, config.host, node.port('iscsi'), 'iscsi');
    },
  );
  void targets.failed.then(onDeath);
  const target: Running = { name: 'iscsi', stop: () => targets.stop() };
  try {
    const service = buildVolume({
      config: config.volume,
      store: recordsOf(node),
      verifier: node.verifier,
      session: node.session('cinder'),
      targets,
      clock: node.clock,
      logger,
      dataFolder: node.dataPath,
      ...(node.policyFile ? { policyOverrides: node.policyFile } : {}),
      wwwAuthenticate: `Keystone uri="${node.publicUrl('auth')}"`,
    });
    return [target, await listenTo('volume', service, config.host, node.port('volume'))];
  } catch (error) {
    await targets.stop();
    throw error;
  }
}
