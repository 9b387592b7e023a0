import { contentOf } from '../../message.ts';
import { s3Error } from '../errors.ts';
import { MOST_CORS_RULES, MOST_STORED_SETTING_BYTES } from '../limits.ts';
import type { Operation } from '../message.ts';
import { bucketOf } from '../names.ts';
import { askHead } from '../object-api.ts';
import { readXml, type XmlElement } from '../xml/read.ts';
import { element, elementIf, xmlAnswer } from '../xml/write.ts';

/** The rules as they were sent: JSON. What browsers are told comes of Swift's own settings beside it, which the rules are made into. */
const RULES = 'x-container-sysmeta-s3-cors';
const ALLOW_ORIGIN = 'x-container-meta-access-control-allow-origin';
const EXPOSE_HEADERS = 'x-container-meta-access-control-expose-headers';
const MAX_AGE = 'x-container-meta-access-control-max-age';

interface Rule {
  id: string | undefined;
  origins: string[];
  methods: string[];
  headers: string[];
  exposed: string[];
  maxAge: string | undefined;
}

export const getBucketCors: Operation = async (request, services) => {
  const headers = await askHead(request, services, { method: 'HEAD', container: bucketOf(request) });
  const stored = headers[RULES];
  if (!stored) throw s3Error('NoSuchCORSConfiguration');
  const rules = JSON.parse(stored) as Rule[];
  return xmlAnswer(
    'CORSConfiguration',
    rules.map(({ id, origins, methods, headers: allowed, exposed, maxAge }) =>
      element('CORSRule', [
        elementIf('ID', id),
        ...methods.map((each) => element('AllowedMethod', each)),
        ...origins.map((each) => element('AllowedOrigin', each)),
        ...allowed.map((each) => element('AllowedHeader', each)),
        ...exposed.map((each) => element('ExposeHeader', each)),
        elementIf('MaxAgeSeconds', maxAge),
      ]),
    ),
  );
};

/** Swift's model has one list of origins for all methods: the rules' origins together. */
export const putBucketCors: Operation = async (request, services) => {
  const container = bucketOf(request);
  const rules = (await readXml(request.body, 'CORSConfiguration')).all('CORSRule').map(ruleOf);
  if (rules.length === 0 || rules.length > MOST_CORS_RULES) throw s3Error('MalformedXML');
  const stored = JSON.stringify(rules);
  if (Buffer.byteLength(stored) > MOST_STORED_SETTING_BYTES)
    throw s3Error('InvalidRequest', { message: 'The rules are too long.' });
  const all = (of: (rule: Rule) => string[]) => [...new Set(rules.flatMap(of))].join(' ');
  const ages = rules.flatMap(({ maxAge }) => (maxAge === undefined ? [] : [Number(maxAge)]));
  await askHead(request, services, {
    method: 'POST',
    container,
    headers: {
      [RULES]: stored,
      [ALLOW_ORIGIN]: all(({ origins }) => origins),
      [EXPOSE_HEADERS]: all(({ exposed }) => exposed),
      [MAX_AGE]: ages.length === 0 ? '' : String(Math.min(...ages)),
    },
  });
  return { status: 200, headers: {}, body: contentOf('') };
};

export const deleteBucketCors: Operation = async (request, services) => {
  const none = { [RULES]: '', [ALLOW_ORIGIN]: '', [EXPOSE_HEADERS]: '', [MAX_AGE]: '' };
  await askHead(request, services, { method: 'POST', container: bucketOf(request), headers: none });
  return { status: 204, headers: {} };
};

const METHODS: ReadonlySet<string> = new Set(['GET', 'PUT', 'HEAD', 'POST', 'DELETE']);

/** @throws ApiError `MalformedXML`, `InvalidRequest`. */
function ruleOf(rule: XmlElement): Rule {
  const texts = (name: string) => rule.all(name).map(({ text }) => text);
  const origins = texts('AllowedOrigin');
  const methods = texts('AllowedMethod');
  const maxAge = rule.textOf('MaxAgeSeconds');
  if (origins.length === 0 || methods.length === 0) throw s3Error('MalformedXML');
  if (maxAge !== undefined && !/^\d{1,9}$/.test(maxAge)) throw s3Error('MalformedXML');
  const unknown = methods.find((method) => !METHODS.has(method));
  if (unknown !== undefined)
    throw s3Error('InvalidRequest', {
      message: `Found unsupported HTTP method in CORS config. Unsupported method is ${unknown}`,
    });
  // Swift compares origins as they are: only "all of them" has a star.
  if (origins.some((origin) => (origin.includes('*') && origin !== '*') || /\s/.test(origin)))
    throw s3Error('NotImplemented', { message: 'Origins with a wildcard in them are not implemented.' });
  return {
    id: rule.textOf('ID'),
    origins,
    methods,
    headers: texts('AllowedHeader'),
    exposed: texts('ExposeHeader'),
    maxAge,
  };
}
