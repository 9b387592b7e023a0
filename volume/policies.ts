const READ = 'rule:admin_or_owner_reader';
const WRITE = 'rule:admin_or_owner_member';
const ADMIN = 'rule:admin_api';
/** Compute for the owner, or for itself. */
const ATTACH = 'rule:admin_or_owner_member or role:service';

/**
 * Who may do what; targets are stored volumes. Names are Cinder's, so that its policy files fit.
 *
 * Spec: Cinder, "Policies".
 */
export const DEFAULT_POLICIES: Record<string, string> = {
  admin_api: 'role:admin',
  context_is_admin: 'role:admin',
  admin_or_owner_reader: 'role:admin or (role:reader and project_id:%(project_id)s)',
  admin_or_owner_member: 'role:admin or (role:member and project_id:%(project_id)s)',

  'volume:create': WRITE,
  'volume:get': `${READ} or role:service`,
  'volume:get_all': `${READ} or role:service`,
  'volume:update': WRITE,
  'volume:delete': WRITE,
  'volume:force_delete': ADMIN,
  'volume:extend': WRITE,
  'volume:extend_attached_volume': WRITE,
  'volume:get_volume_metadata': READ,
  'volume:create_volume_metadata': WRITE,
  'volume:update_volume_metadata': WRITE,
  'volume:delete_volume_metadata': WRITE,
  'volume:update_readonly_flag': WRITE,
  'volume_extension:volume_host_attribute': ADMIN,
  'volume_extension:volume_tenant_attribute': READ,
  'volume_extension:volume_mig_status_attribute': ADMIN,
  'volume_extension:volume_image_metadata:set': WRITE,
  'volume_extension:volume_image_metadata:remove': WRITE,
  'volume_extension:volume_admin_actions:reset_status': ADMIN,
  'volume_extension:volume_admin_actions:force_delete': ADMIN,
  'volume_extension:volume_actions:attach': ATTACH,
  'volume_extension:volume_actions:detach': ATTACH,
  'volume_extension:volume_actions:reserve': ATTACH,
  'volume_extension:volume_actions:unreserve': ATTACH,
  'volume_extension:volume_actions:begin_detaching': ATTACH,
  'volume_extension:volume_actions:roll_detaching': ATTACH,
  'volume_extension:volume_actions:initialize_connection': ATTACH,
  'volume_extension:volume_actions:terminate_connection': ATTACH,
  'volume_extension:volume_actions:upload_image': WRITE,
  'volume_extension:volume_actions:set_bootable': WRITE,
  'volume:attachment_create': ATTACH,
  'volume:attachment_update': ATTACH,
  'volume:attachment_delete': ATTACH,
  'volume:attachment_complete': ATTACH,
  'volume_extension:type_get': 'role:reader or role:admin or role:service',
  'volume_extension:types_extra_specs:read_sensitive': ADMIN,
  'volume_extension:type_manage': ADMIN,
  'volume_extension:volume_type_access': ADMIN,
  'volume_extension:access_types_extra_specs': 'role:reader or role:admin',
  'volume_extension:quotas:show': READ,
  'volume_extension:quotas:update': ADMIN,
  'volume_extension:quotas:delete': ADMIN,
  'volume_extension:services:index': ADMIN,
  'scheduler_extension:scheduler_stats:get_pools': ADMIN,
  'limits_extension:used_limits': READ,
  'message:get_all': READ,
};
