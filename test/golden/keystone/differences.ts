const LINK = 'Keystone’s link leads nowhere; ours to what it is of';
const EXTRA = 'Keystone shows the additional attributes twice after a change, and in `extra` too';
const OWN_ONLY = 'Keystone’s list has what the caller has a role on; ours has what the caller may see';
const SECOND = 'Keystone counts seconds: a token of the second in which the password changed is refused though it came after';
const ROLES = 'Keystone shows whole roles, `unrestricted` as null where nothing was said, and a link that leads nowhere';

/** Steps whose answer differs from Keystone's, and why. */
export const DIFFERENCES: Readonly<Record<string, string>> = {
  'no such path': 'who is nobody does not learn which paths there are: 401, not 404 in HTML',
  'log in by no method': 'a body that proves nothing is malformed: 400, not 401',
  'change project': EXTRA,
  'change user': EXTRA,
  'disable a user': EXTRA,
  'parents as a list': OWN_ONLY,
  'subtree as a list': OWN_ONLY,
  tags: LINK,
  'replace tags': LINK,
  'users as one without a role': SECOND,
  'oneself without a role': SECOND,
  'a domain without a role': SECOND,
  'create a domain without a role': SECOND,
  'create wrong group 2': 'a domain that is not there is the body’s mistake, as it is for users and projects: 400, not 404',
  'create wrong role 2': 'a role of a domain that is not there is refused',
  'EC2 credentials': 'with an `id` beside the access key',
  'create an application credential': ROLES,
  'show an application credential': ROLES,
  'application credentials': ROLES,
  'exchange the token of an application credential': 'the token holds, and may not be exchanged: 403, not 404',
  'access rules': LINK,
  'create a trust': LINK,
  'show a trust': LINK,
  'roles of a trust': LINK,
  'create a wrong trust': 'the body is looked at first: 400, not 403',
  'limits of a project': 'an administrator sees the limits of every project with a token for any',
  'limit model': 'the same model in our own words',
  'method not allowed': '404, not 405 with what is not Keystone’s error body',
};
