import { ApiError } from '../../common/errors.ts';
import { denial } from '../access/access-control.ts';
import { parseAcl } from '../access/acl.ts';
import { HTML, refusal } from '../errors.ts';
import { MOST_FOLDER_BYTES } from '../limits.ts';
import {
  contentOf,
  type Feature,
  type Handler,
  isTrue,
  type ProxyRequest,
  type ProxyResponse,
  subrequest,
} from '../message.ts';
import type { Services } from '../routes/route.ts';
import { percentEncode } from './percent-encoding.ts';
import { listingPage, noListingPage, type Site } from './static-web-page.ts';

const SETTING = 'x-container-meta-web-';
const DIRECTORY_TYPE = 'application/directory';

/**
 * Shows a container as a web site to who comes without a token (or asks for it by `X-Web-Mode`): index pages, listings, error pages.
 *
 * Spec: Swift, "StaticWeb".
 */
export function staticWeb(services: Services): Feature {
  return (next) => async (request) => {
    const { method, path, context, headers } = request;
    const { account, container, object } = path;
    if (container === undefined || (method !== 'GET' && method !== 'HEAD')) return next(request);
    const isAsked = isTrue(headers['x-web-mode']);
    if ((context.caller || context.signedGrant) && !isAsked) return next(request);
    const known = await services.containers.find(account, container);
    const site = siteOf(known?.settings ?? {});
    if (!site && !isAsked) return next(request);
    const visit = new Visit(services, request, next, site ?? NO_SITE);
    if (object !== undefined) return visit.object(object);
    const grant = await services.access.decide(request, known?.readAcl ?? parseAcl(undefined));
    return grant.allowed ? visit.container(isAsked) : visit.failure(denial(request));
  };
}

const NO_SITE: Site = {
  index: '',
  error: '',
  listings: '',
  listingsCss: '',
  listingsLabel: '',
  directoryType: DIRECTORY_TYPE,
};

/** @returns undefined where a container says nothing of being a site. */
function siteOf(settings: Readonly<Record<string, string>>): Site | undefined {
  if (!Object.keys(settings).some((name) => name.startsWith(SETTING))) return undefined;
  const setting = (name: string) => (settings[`${SETTING}${name}`] ?? '').trim();
  return {
    index: setting('index'),
    error: setting('error'),
    listings: setting('listings'),
    listingsCss: setting('listings-css'),
    listingsLabel: setting('listings-label'),
    directoryType: setting('directory-type') || DIRECTORY_TYPE,
  };
}

/** One request for a page of a site. */
class Visit {
  private readonly services: Services;
  private readonly request: ProxyRequest;
  private readonly next: Handler;
  private readonly site: Site;

  constructor(services: Services, request: ProxyRequest, next: Handler, site: Site) {
    this.services = services;
    this.request = request;
    this.next = next;
    this.site = site;
  }

  /** @param isAsked whether the client wants a site, and nothing else where there is none. */
  async container(isAsked: boolean): Promise<ProxyResponse> {
    const { index, listings } = this.site;
    if (listings === '' && index === '') {
      if (isAsked) throw refusal(404);
      return this.next(this.request);
    }
    if (!this.endsWithSlash) return this.redirect();
    if (index === '') return this.listing('');
    const page = await this.ask(this.requestFor(index));
    if (!(page instanceof ApiError)) return page;
    return page.status === 404 ? this.listing('') : this.failure(page);
  }

  async object(name: string): Promise<ProxyResponse> {
    const { index, listings } = this.site;
    const found = await this.ask(this.request);
    if (!(found instanceof ApiError) && !this.isFolder(found)) return found;
    if (found instanceof ApiError && found.status !== 404) throw found;
    if (listings === '' && index === '') {
      if (found instanceof ApiError) throw found;
      return found;
    }
    if (!(found instanceof ApiError)) await found.body?.close();
    if (index !== '') {
      const page = await this.ask(this.requestFor(`${name}${this.endsWithSlash ? '' : '/'}${index}`));
      if (!(page instanceof ApiError)) {
        if (this.endsWithSlash) return page;
        await page.body?.close();
        return this.redirect();
      }
      if (page.status !== 404) throw page;
    }
    if (this.endsWithSlash) return this.listing(name);
    return (await this.isPrefix(`${name}/`)) ? this.redirect() : this.failure(refusal(404));
  }

  /** The site's own page for an error, where it has one; else the error. @throws ApiError. */
  async failure(error: ApiError): Promise<ProxyResponse> {
    const { account, container } = this.request.path;
    if (this.site.error === '' || container === undefined) throw error;
    const path = { account, container, object: `${error.status}${this.site.error}` };
    const page = await this.ask(subrequest(this.request, { method: 'GET', path }));
    if (page instanceof ApiError || page.status >= 300) throw error;
    return { ...page, status: error.status };
  }

  private get pathText(): string {
    return this.request.context.client.pathText;
  }

  private get endsWithSlash(): boolean {
    return this.pathText.endsWith('/');
  }

  private requestFor(object: string): ProxyRequest {
    return { ...this.request, path: { ...this.request.path, object } };
  }

  /** What is answered, or why it is refused. @throws what is no refusal of the request. */
  private async ask(request: ProxyRequest): Promise<ProxyResponse | ApiError> {
    try {
      return await this.next(request);
    } catch (error) {
      if (error instanceof ApiError && error.status < 500) return error;
      throw error;
    }
  }

  /** Objects of a certain type and no content stand for folders. */
  private isFolder({ status, headers, body }: ProxyResponse): boolean {
    return (
      status < 400 && headers['content-type'] === this.site.directoryType && (body?.sizeBytes ?? 0) <= MOST_FOLDER_BYTES
    );
  }

  private async isPrefix(prefix: string): Promise<boolean> {
    const rows = await this.rowsOf(prefix, '1');
    if (rows instanceof ApiError) return false;
    rows.release?.();
    return rows.chunks.length > 0;
  }

  private async rowsOf(prefix: string, limit?: string) {
    const { account, container = '' } = this.request.path;
    const query = new Map([
      ['delimiter', '/'],
      ['prefix', prefix],
      ...(limit === undefined ? [] : [['limit', limit] as const]),
    ]);
    const answer = await this.ask(subrequest(this.request, { method: 'GET', path: { account, container }, query }));
    return answer instanceof ApiError ? answer : (answer.rows ?? { chunks: [] });
  }

  /** @param prefix '' for the container itself. */
  private async listing(prefix: string): Promise<ProxyResponse> {
    if (!isTrue(this.site.listings)) {
      const body = noListingPage(this.site, this.pathText, prefix);
      return this.failure(refusal(404, { body, contentType: HTML }));
    }
    const rows = await this.rowsOf(prefix);
    if (rows instanceof ApiError) return this.failure(rows);
    if (prefix !== '' && rows.chunks.length === 0) return this.failure(refusal(404));
    const page = await listingPage(this.site, this.pathText, prefix, rows);
    return { status: 200, headers: { 'content-type': HTML }, body: contentOf(page) };
  }

  /** To the same path with a slash at its end: relative links of a folder's page lead into it. */
  private redirect(): ProxyResponse {
    const base = this.services.config.staticweb.url_base;
    const { host } = this.request.headers;
    const origin = base ? new URL(base).origin : host === undefined ? '' : `http://${host}`;
    return { status: 301, headers: { location: `${origin}${percentEncode(`${this.pathText}/`, '/')}` } };
  }
}
