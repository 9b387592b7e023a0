/**
 * Who may do what, in the personas of OpenStack's secure RBAC: `admin` everything, on any scope; `reader` of the system sees
 * everything; `manager` and `reader` of a domain manage and see that domain; everybody sees themselves and their project.
 * Rules compare stored records with the token only.
 *
 * Spec: Keystone, "Policy mapping"; OpenStack goal "Consistent and Secure Default RBAC".
 */
const shared = {
  admin_required: 'role:admin',
  service_role: 'role:service',
  system_reader: 'role:admin or (role:reader and system_scope:all)',
  owner: 'user_id:%(target.user.id)s',
  /** The only roles that the manager of a domain may give: none of them reaches beyond the domain. */
  domain_managed_role:
    "'manager':%(target.role.name)s or 'member':%(target.role.name)s or 'reader':%(target.role.name)s",
};

function inDomain(persona: 'reader' | 'manager', attribute: string): string {
  return `(role:${persona} and domain_id:%(target.${attribute})s)`;
}

const reads = (attribute: string, ...also: string[]) =>
  ['rule:system_reader', inDomain('reader', attribute), ...also].join(' or ');
const manages = (attribute: string) => `rule:admin_required or ${inDomain('manager', attribute)}`;

/** A grant joins an actor and a target: who manages one domain must find both inside it. */
function grants(persona: 'reader' | 'manager'): string {
  const actors = [inDomain(persona, 'user.domain_id'), inDomain(persona, 'group.domain_id')].join(' or ');
  const targets = [inDomain(persona, 'project.domain_id'), inDomain(persona, 'domain.id')].join(' or ');
  return `(${actors}) and (${targets})`;
}

const changesMembers = `rule:admin_required or (${inDomain('manager', 'user.domain_id')} and ${inDomain('manager', 'group.domain_id')})`;

const readsGrants = `rule:system_reader or (${grants('reader')})`;
const changesGrants = `rule:admin_required or (rule:domain_managed_role and ${grants('manager')})`;

function systemGrants(actor: 'user' | 'group'): Record<string, string> {
  return {
    [`identity:list_system_grants_for_${actor}`]: 'rule:system_reader',
    [`identity:check_system_grant_for_${actor}`]: 'rule:system_reader',
    [`identity:create_system_grant_for_${actor}`]: 'rule:admin_required',
    [`identity:revoke_system_grant_for_${actor}`]: 'rule:admin_required',
  };
}

function ownsCredential(others: string): string {
  return `${others} or user_id:%(target.credential.user_id)s`;
}

function trustParties(others: string): string {
  return `${others} or user_id:%(target.trust.trustor_user_id)s or user_id:%(target.trust.trustee_user_id)s`;
}

export const identityPolicy: Readonly<Record<string, string>> = {
  ...shared,

  'identity:validate_token': 'rule:service_role or rule:system_reader or rule:owner',
  'identity:validate_expired_token': 'rule:service_role or rule:admin_required',
  'identity:revoke_token': 'rule:admin_required or rule:owner',
  'identity:list_revoke_events': 'rule:service_role or rule:system_reader',
  'identity:get_revocation_epoch': 'rule:service_role or rule:admin_required',

  'identity:get_domain': reads('domain.id', 'project_domain_id:%(target.domain.id)s'),
  'identity:list_domains': reads('domain.id'),
  'identity:create_domain': 'rule:admin_required',
  'identity:update_domain': 'rule:admin_required',
  'identity:delete_domain': 'rule:admin_required',

  'identity:get_project': reads('project.domain_id', 'project_id:%(target.project.id)s'),
  'identity:list_projects': reads('domain.id'),
  'identity:create_project': manages('project.domain_id'),
  'identity:update_project': manages('project.domain_id'),
  'identity:delete_project': manages('project.domain_id'),

  'identity:get_user': reads('user.domain_id', 'rule:owner'),
  'identity:list_users': reads('domain.id'),
  'identity:create_user': manages('user.domain_id'),
  'identity:update_user': manages('user.domain_id'),
  'identity:delete_user': manages('user.domain_id'),
  'identity:list_user_projects': reads('user.domain_id', 'rule:owner'),

  'identity:get_group': reads('group.domain_id'),
  'identity:list_groups': reads('domain.id'),
  'identity:list_groups_for_user': reads('user.domain_id', 'rule:owner'),
  'identity:list_users_in_group': reads('group.domain_id'),
  'identity:check_user_in_group': `rule:system_reader or (${inDomain('reader', 'user.domain_id')} and ${inDomain('reader', 'group.domain_id')})`,
  'identity:create_group': manages('group.domain_id'),
  'identity:update_group': manages('group.domain_id'),
  'identity:delete_group': manages('group.domain_id'),
  'identity:add_user_to_group': changesMembers,
  'identity:remove_user_from_group': changesMembers,

  'identity:get_role': 'rule:system_reader or role:manager',
  'identity:list_roles': 'rule:system_reader or role:manager',
  'identity:create_role': 'rule:admin_required',
  'identity:update_role': 'rule:admin_required',
  'identity:delete_role': 'rule:admin_required',
  'identity:list_role_inference_rules': 'rule:system_reader',
  'identity:list_implied_roles': 'rule:system_reader',
  'identity:get_implied_role': 'rule:system_reader',
  'identity:check_implied_role': 'rule:system_reader',
  'identity:create_implied_role': 'rule:admin_required',
  'identity:delete_implied_role': 'rule:admin_required',

  'identity:check_grant': readsGrants,
  'identity:list_grants': readsGrants,
  'identity:create_grant': changesGrants,
  'identity:revoke_grant': changesGrants,
  ...systemGrants('user'),
  ...systemGrants('group'),
  'identity:list_role_assignments': reads('domain.id'),

  'identity:get_application_credential': 'rule:system_reader or rule:owner',
  'identity:list_application_credentials': 'rule:system_reader or rule:owner',
  'identity:create_application_credential': 'rule:owner',
  'identity:delete_application_credential': 'rule:admin_required or rule:owner',
  'identity:get_access_rule': 'rule:system_reader or rule:owner',
  'identity:list_access_rules': 'rule:system_reader or rule:owner',
  'identity:delete_access_rule': 'rule:admin_required or rule:owner',

  'identity:create_trust': 'user_id:%(target.trust.trustor_user_id)s',
  'identity:list_trusts': 'rule:system_reader',
  'identity:list_trusts_for_trustor': 'rule:system_reader or user_id:%(target.trust.trustor_user_id)s',
  'identity:list_trusts_for_trustee': 'rule:system_reader or user_id:%(target.trust.trustee_user_id)s',
  'identity:get_trust': trustParties('rule:system_reader'),
  'identity:list_roles_for_trust': trustParties('rule:system_reader'),
  'identity:get_role_for_trust': trustParties('rule:system_reader'),
  'identity:delete_trust': 'rule:admin_required or user_id:%(target.trust.trustor_user_id)s',

  'identity:create_credential': ownsCredential('rule:admin_required'),
  'identity:list_credentials': '@',
  'identity:get_credential': ownsCredential('rule:system_reader'),
  'identity:update_credential': ownsCredential('rule:admin_required'),
  'identity:delete_credential': ownsCredential('rule:admin_required'),
  'identity:ec2_create_credential': 'rule:admin_required or rule:owner',
  'identity:ec2_list_credentials': 'rule:system_reader or rule:owner',
  'identity:ec2_get_credential': 'rule:system_reader or rule:owner',
  'identity:ec2_delete_credential': 'rule:admin_required or rule:owner',
  /** Each answers with who somebody is: for the services that signed requests reach. */
  'identity:ec2tokens': 'rule:service_role or rule:admin_required',
  'identity:s3tokens': 'rule:service_role or rule:admin_required',

  'identity:get_limit_model': '@',
  'identity:list_registered_limits': '@',
  'identity:get_registered_limit': '@',
  'identity:create_registered_limits': 'rule:admin_required',
  'identity:update_registered_limit': 'rule:admin_required',
  'identity:delete_registered_limit': 'rule:admin_required',
  'identity:list_limits': '@',
  'identity:get_limit':
    'rule:system_reader or rule:service_role or project_id:%(target.limit.project_id)s or domain_id:%(target.limit.domain_id)s',
  'identity:create_limits': 'rule:admin_required',
  'identity:update_limit': 'rule:admin_required',
  'identity:delete_limit': 'rule:admin_required',

  'identity:create_endpoint_group': 'rule:admin_required',
  'identity:list_endpoint_groups': 'rule:system_reader',
  'identity:get_endpoint_group': 'rule:system_reader',
  'identity:update_endpoint_group': 'rule:admin_required',
  'identity:delete_endpoint_group': 'rule:admin_required',
  'identity:list_projects_associated_with_endpoint_group': 'rule:system_reader',
  'identity:list_endpoints_associated_with_endpoint_group': 'rule:system_reader',
  'identity:get_endpoint_group_in_project': 'rule:system_reader',
  'identity:list_endpoint_groups_for_project': 'rule:system_reader',
  'identity:add_endpoint_group_to_project': 'rule:admin_required',
  'identity:remove_endpoint_group_from_project': 'rule:admin_required',
  'identity:list_projects_for_endpoint': 'rule:system_reader',
  'identity:list_endpoints_for_project': 'rule:system_reader',
  'identity:check_endpoint_in_project': 'rule:system_reader',
  'identity:add_endpoint_to_project': 'rule:admin_required',
  'identity:remove_endpoint_from_project': 'rule:admin_required',

  'identity:create_policy': 'rule:admin_required',
  'identity:list_policies': 'rule:system_reader',
  'identity:get_policy': 'rule:system_reader',
  'identity:update_policy': 'rule:admin_required',
  'identity:delete_policy': 'rule:admin_required',

  'identity:create_consumer': 'rule:admin_required',
  'identity:list_consumers': 'rule:system_reader',
  'identity:get_consumer': 'rule:system_reader',
  'identity:update_consumer': 'rule:admin_required',
  'identity:delete_consumer': 'rule:admin_required',

  'identity:create_domain_config': 'rule:admin_required',
  'identity:get_domain_config': 'rule:system_reader',
  'identity:get_domain_config_default': 'rule:system_reader',
  'identity:update_domain_config': 'rule:admin_required',
  'identity:delete_domain_config': 'rule:admin_required',

  'identity:list_services': 'rule:system_reader',
  'identity:get_service': 'rule:system_reader',
  'identity:create_service': 'rule:admin_required',
  'identity:update_service': 'rule:admin_required',
  'identity:delete_service': 'rule:admin_required',
  'identity:list_endpoints': 'rule:system_reader',
  'identity:get_endpoint': 'rule:system_reader',
  'identity:create_endpoint': 'rule:admin_required',
  'identity:update_endpoint': 'rule:admin_required',
  'identity:delete_endpoint': 'rule:admin_required',
  'identity:list_regions': '@',
  'identity:get_region': '@',
  'identity:create_region': 'rule:admin_required',
  'identity:update_region': 'rule:admin_required',
  'identity:delete_region': 'rule:admin_required',
};
