import type { FastifyInstance, FastifyRequest } from 'fastify';
import { authenticateBySignature, findSigner, type SignatureProof } from '../actions/authenticate-signature.ts';
import { catalogFor } from '../actions/catalog.ts';
import { issueToken } from '../actions/issue-token.ts';
import { tokenBodyOf } from '../actions/token-state.ts';
import type { AuthContext } from '../context.ts';
import { parseSigningScope } from '../ec2/signature-v4.ts';
import { badRequest } from '../errors.ts';
import { unauthorized } from '../guard/authenticate.ts';
import { assertMayDelegate } from '../guard/delegation.ts';
import { parseBody } from '../parse.ts';
import { type Ec2Signature, ec2SignatureBody, type S3Signature, s3SignatureBody, signingKeyBody } from '../schemas.ts';

/**
 * Who signed a request with an EC2 credential: asked by the services that such requests reach, and by nobody else (CVE-2025-65073).
 *
 * Spec: Identity API v3, "OS-EC2"; Keystone, "S3 tokens".
 */
export function registerSignatureTokenRoutes(
  app: FastifyInstance,
  context: AuthContext,
  wwwAuthenticate: string,
): void {
  async function issue(request: FastifyRequest, proof: SignatureProof) {
    const authenticated = await authenticateBySignature(context, proof);
    if (authenticated) request.auditTarget = { id: authenticated.user.id, name: authenticated.user.name };
    const issued = authenticated && (await issueToken(context, authenticated, undefined));
    if (!issued) throw unauthorized(wwwAuthenticate);
    const catalog = await catalogFor(context, issued.state);
    return { issued, body: { token: { ...tokenBodyOf(context, issued.state), catalog } } };
  }

  app.post('/v3/ec2tokens', async (request, reply) => {
    context.policy.authorize('identity:ec2tokens', request.identity);
    const body = parseBody(ec2SignatureBody, request.body);
    const { issued, body: shown } = await issue(request, ec2ProofOf(theOne(body)));
    reply.status(200).header('x-subject-token', issued.token);
    return shown;
  });

  // Without the token itself: the service that asks acts on what the body says, and nobody else gets hold of one.
  app.post('/v3/s3tokens', async (request) => {
    context.policy.authorize('identity:s3tokens', request.identity);
    return (await issue(request, s3ProofOf(theOne(parseBody(s3SignatureBody, request.body))))).body;
  });

  // For the object API of another node, which has to check the signatures of an upload's pieces itself. Whoever may ask who signed
  // a text may be told what signs it; a delegated token may not.
  app.post('/v3/martlet/signing-keys', async (request) => {
    context.policy.authorize('identity:s3tokens', request.identity);
    assertMayDelegate(request.identity, 'signing keys');
    const { access, scope } = parseBody(signingKeyBody, request.body);
    const parsed = scope === undefined ? undefined : parseSigningScope(scope);
    if (scope !== undefined && !parsed) throw badRequest('The scope is <date>/<region>/<service>/aws4_request.');
    const signer = await findSigner(context, access, parsed);
    if (!signer) throw unauthorized(wwwAuthenticate);
    return { identity: signer.identity, key: Buffer.from(signer.key).toString('base64') };
  });
}

/** The body's one part, under whichever of its names. */
function theOne<T>({
  credentials,
  credential,
  ec2Credentials,
}: {
  credentials?: T;
  credential?: T;
  ec2Credentials?: T;
}): T {
  const found = credentials ?? credential ?? ec2Credentials;
  if (found === undefined) throw badRequest('The request body needs credentials.');
  return found;
}

function ec2ProofOf({ access, signature, host, verb, path, params, headers, body_hash }: Ec2Signature): SignatureProof {
  const lowered = Object.entries(headers ?? {}).map(([name, value]): [string, string] => [name.toLowerCase(), value]);
  return {
    kind: 'ec2',
    access,
    signature,
    host: host ?? '',
    request: {
      verb: verb ?? '',
      path: path ?? '',
      params: params ?? {},
      headers: Object.fromEntries(lowered),
      bodyHash: body_hash ?? '',
    },
  };
}

function s3ProofOf({ access, signature, token }: S3Signature): SignatureProof {
  return { kind: 's3', access, signature, stringToSign: Buffer.from(token, 'base64url') };
}
