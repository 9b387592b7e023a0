import type { ServiceSession } from '../auth/contract.ts';
import { requireToken } from '../auth/guard/authenticate.ts';
import type { TokenVerifier } from '../auth/guard/contract.ts';
import { createPolicy, type PolicyOverrides } from '../auth/guard/policy.ts';
import type { Clock } from '../common/clock.ts';
import { ApiError } from '../common/errors.ts';
import { createApp, type Service } from '../common/http/app.ts';
import { refuseWrongMethods } from '../common/http/wrong-method.ts';
import type { KeyValueStore } from '../common/kv/contract.ts';
import type { Logger } from '../common/log.ts';
import { newRequestId, REQUEST_ID_HEADERS } from '../openstack/request-id.ts';
import { Recovery } from './actions/recovery.ts';
import { Transfers } from './actions/transfers.ts';
import type { ImageConfig } from './config.ts';
import type { ImageContext } from './context.ts';
import { renderImageError } from './errors.ts';
import { MOST_BODY_BYTES } from './limits.ts';
import { DEFAULT_POLICY } from './policy.ts';
import { Images } from './records/images.ts';
import { isPublicPath, registerDiscovery } from './routes/discovery.ts';
import { registerImageActions } from './routes/image-actions.ts';
import { registerImageFile } from './routes/image-file.ts';
import { registerImageMembers } from './routes/image-members.ts';
import { registerImages } from './routes/images.ts';
import { registerNotBuilt } from './routes/not-built.ts';
import { readBodies } from './routes/parse-body.ts';
import { StoreSet } from './stores/store-set.ts';

export interface ImageDeps {
  config: ImageConfig;
  /** Records of images. */
  store: KeyValueStore;
  verifier: TokenVerifier;
  /** The service user's login, in the project that owns the objects of the swift store. */
  session: ServiceSession;
  clock: Clock;
  logger: Logger;
  /** Folder below which the file store keeps `images/`. */
  dataFolder: string;
  policyOverrides?: Record<string, string> | PolicyOverrides;
  /** Where a 401 says that tokens are had. */
  identityUrl?: string;
}

/** The image service (Glance's API v2). @throws StartError for stores or policy rules that make no sense. */
export function buildImage(deps: ImageDeps): Service {
  const { clock, config, logger } = deps;
  const images = new Images(deps.store);
  const stores = new StoreSet(config, deps);
  const transfers = new Transfers();
  const recovery = new Recovery({ images, stores, transfers, clock, logger });
  const policy = createPolicy(DEFAULT_POLICY, deps.policyOverrides);
  const context: ImageContext = { config, images, stores, policy, clock, logger, transfers, recovery };

  const app = createApp({
    logger,
    renderError: renderImageError,
    newRequestId,
    requestIdHeaders: REQUEST_ID_HEADERS,
    mostBodyBytes: MOST_BODY_BYTES,
  });
  readBodies(app);
  requireToken(app, {
    verifier: deps.verifier,
    serviceType: 'image',
    isPublic: isPublicPath,
    wwwAuthenticate: `Keystone uri="${deps.identityUrl ?? 'http://127.0.0.1:5000'}"`,
  });
  // As Glance does; Cinder and Nova know no path without its method, and answer 404.
  refuseWrongMethods(app);
  registerDiscovery(app, context);
  registerImages(app, context);
  registerImageFile(app, context);
  registerImageActions(app, context);
  registerImageMembers(app, context);
  registerNotBuilt(app);

  return {
    app,
    start: () => recovery.start(),
    async stop() {
      const reason = new ApiError({ status: 503, code: 'Stopping', message: 'The image service is stopping.' });
      await transfers.endAll(reason);
      await recovery.stop();
    },
  };
}
