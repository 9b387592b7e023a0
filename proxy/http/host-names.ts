import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import type { ProxyConfig } from '../config.ts';
import { encodePath } from '../routes/path.ts';

type HostConfig = ProxyConfig['domain_remap'];

/** A host that leads nowhere: what is answered, with 400. */
export class BadHost extends Error {}

/** Finds what a name is an alias of; undefined: it is none. */
export type FindAlias = (name: string) => Promise<string | undefined>;

/** What a request was before its host was made a part of its path. */
interface Rewritten {
  /** As they are sent, percent-encoded. */
  readonly fromPath: string;
  readonly toPath: string;
}

/**
 * Requests to hosts that name an account, or a container and an account: `c.auth-p.objects.example.com/o` becomes `/v1/AUTH_p/c/o`; other
 * hosts may be aliases of such.
 *
 * Spec: Swift, "Domain Remap" and "CNAME Lookup".
 */
export class HostNames {
  private readonly config: HostConfig;
  private readonly domains: readonly string[];
  private readonly findAlias: FindAlias | undefined;
  private readonly rewritten = new WeakMap<IncomingMessage, Rewritten>();
  private readonly aliased = new WeakMap<IncomingMessage, { from: string; to: string }>();

  /** @param findAlias undefined: hosts are what they are called. */
  constructor(config: HostConfig, findAlias: FindAlias | undefined) {
    this.config = config;
    this.domains = config.storage_domains.map((domain) => `.${domain.replace(/^\.+/, '').toLowerCase()}`);
    this.findAlias = findAlias;
  }

  /** Whether it has to wait for another server's word on what the host is. */
  mayBeAlias({ headers: { host } }: IncomingMessage): boolean {
    if (this.findAlias === undefined || host === undefined) return false;
    const { name } = splitPort(host);
    return isIP(name.replace(/^\[|\]$/g, '')) === 0 && this.domainOf(`.${name}`) === undefined;
  }

  /** Replaces an alias in the request by what it is an alias of. @throws BadHost where it is none of a storage domain. */
  async resolve(request: IncomingMessage): Promise<void> {
    const host = request.headers.host ?? '';
    const { name, port } = splitPort(host);
    let alias = name;
    for (let tries = 0; tries < this.config.cname_lookup_depth; tries += 1) {
      const found = await this.findAlias?.(alias);
      if (found === undefined || found === alias) throw new BadHost('CNAME lookup failed to resolve to a valid domain');
      if (this.domainOf(`.${found}`) !== undefined) {
        request.headers.host = `${found}${port}`;
        this.aliased.set(request, { from: host, to: request.headers.host });
        return;
      }
      alias = found;
    }
    throw new BadHost(`CNAME lookup failed after ${this.config.cname_lookup_depth} tries`);
  }

  /** Puts what the host names into the request's path. @throws BadHost for more names than a container and an account. */
  remap(request: IncomingMessage): void {
    const { name } = splitPort(request.headers.host ?? '');
    const domain = this.domainOf(name);
    if (domain === undefined) return;
    const names = name
      .slice(0, -domain.length)
      .replace(/^\.+|\.+$/g, '')
      .split('.');
    if (names.length > 2) throw new BadHost('Bad domain in host header');
    const account = this.accountOf(names.at(-1) ?? '');
    if (account === undefined) return;
    const [fromPath = '', ...query] = (request.url ?? '/').split('?');
    const root = `${this.config.path_root.replace(/^\/+|\/+$/g, '')}/`;
    let rest = fromPath.slice(1);
    if (this.config.mangle_client_paths && `${rest}/`.startsWith(root)) rest = rest.slice(root.length);
    const container = names.length === 2 ? `/${encodePath(names[0] ?? '')}` : '';
    const toPath = `/${root}${encodePath(account)}${container}/${rest}`;
    request.url = [toPath, ...query].join('?');
    this.rewritten.set(request, { fromPath, toPath });
  }

  /** A redirect as the client, who knows only the host that it asked, has to see it. */
  shownLocation(request: IncomingMessage, location: string): string {
    let shown = location;
    const rewritten = this.rewritten.get(request);
    const [, origin = '', path = ''] = /^(https?:\/\/[^/]+)(.*)$/.exec(shown) ?? [];
    if (rewritten && path.startsWith(rewritten.toPath))
      shown = `${origin}${rewritten.fromPath}${path.slice(rewritten.toPath.length)}`;
    const aliased = this.aliased.get(request);
    const [, scheme = '', host = '', rest = ''] = /^(https?:\/\/)([^/]+)(.*)$/.exec(shown) ?? [];
    return aliased && host === aliased.to ? `${scheme}${aliased.from}${rest}` : shown;
  }

  /** The storage domain that a name lies in, with the dot before it. */
  private domainOf(name: string): string | undefined {
    const lower = name.toLowerCase();
    return this.domains.find((domain) => lower.endsWith(domain));
  }

  /** Hosts have no underscores and no capitals; accounts have. @returns undefined where it is no account's name. */
  private accountOf(name: string): string | undefined {
    const { reseller_prefixes: prefixes, default_reseller_prefix: fallback } = this.config;
    if (prefixes.length === 0) return name;
    const account = name.includes('_') ? name : name.replace('-', '_');
    const sent = account.split('_', 1)[0]?.toLowerCase();
    const prefix = prefixes.find((known) => known.toLowerCase() === sent);
    if (prefix !== undefined) return `${prefix}${account.slice(prefix.length)}`;
    return fallback ? `${fallback}_${account}` : undefined;
  }
}

function splitPort(host: string): { name: string; port: string } {
  const match = /^(.*?)(:\d*)?$/.exec(host);
  return { name: match?.[1] ?? host, port: match?.[2] ?? '' };
}
