const READ = 'rule:project_reader_or_admin';
const WRITE = 'rule:project_member_or_admin';
const ADMIN = 'rule:context_is_admin';
/** Key pairs are their user's, whatever the project. */
const KEYPAIR = 'rule:context_is_admin or user_id:%(user_id)s';

/**
 * Who may do what; targets are stored servers. Names are Nova's, so that its policy files fit.
 *
 * Spec: Nova, "Policies".
 */
export const DEFAULT_POLICIES: Record<string, string> = {
  context_is_admin: 'role:admin',
  project_reader_or_admin: 'role:admin or role:service or (role:reader and project_id:%(project_id)s)',
  project_member_or_admin: 'role:admin or (role:member and project_id:%(project_id)s)',

  'os_compute_api:servers:index': READ,
  'os_compute_api:servers:index:get_all_tenants': ADMIN,
  'os_compute_api:servers:show': READ,
  'os_compute_api:servers:create': WRITE,
  'os_compute_api:servers:update': WRITE,
  'os_compute_api:servers:delete': WRITE,
  'os_compute_api:servers:start': WRITE,
  'os_compute_api:servers:stop': WRITE,
  'os_compute_api:servers:reboot': WRITE,
  'os_compute_api:server-metadata': WRITE,
  'os_compute_api:os-admin-actions:reset_state': ADMIN,
  'os_compute_api:os-console-output': WRITE,
  'os_compute_api:os-extended-server-attributes': ADMIN,
  'os_compute_api:os-volumes-attachments:index': READ,
  'os_compute_api:os-volumes-attachments:show': READ,
  'os_compute_api:os-volumes-attachments:create': WRITE,
  'os_compute_api:os-volumes-attachments:update': WRITE,
  'os_compute_api:os-volumes-attachments:delete': WRITE,
  'os_compute_api:os-instance-actions:list': READ,
  'os_compute_api:os-flavor-manage': ADMIN,
  'os_compute_api:os-flavor-extra-specs:manage': ADMIN,
  'os_compute_api:os-services:list': ADMIN,
  'os_compute_api:os-hypervisors:list': ADMIN,
  'os_compute_api:limits': READ,
  'os_compute_api:os-keypairs:index': KEYPAIR,
  'os_compute_api:os-keypairs:show': KEYPAIR,
  'os_compute_api:os-keypairs:create': KEYPAIR,
  'os_compute_api:os-keypairs:delete': KEYPAIR,
};
