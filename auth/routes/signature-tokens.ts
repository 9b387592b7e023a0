import type { FastifyInstance, FastifyRequest } from 'fastify';
import { authenticateBySignature, type SignatureProof } from '../actions/authenticate-signature.ts';
import { catalogFor } from '../actions/catalog.ts';
import { issueToken } from '../actions/issue-token.ts';
import { tokenBodyOf } from '../actions/token-state.ts';
import type { AuthContext } from '../context.ts';
import { badRequest } from '../errors.ts';
import { unauthorized } from '../guard/authenticate.ts';
import { parseBody } from '../parse.ts';
import { type Ec2Signature, ec2SignatureBody, type S3Signature, s3SignatureBody } from '../schemas.ts';

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
