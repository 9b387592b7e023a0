/**
 * Options that a domain may set, with the values they have otherwise. No driver of ours reads them yet (ADR on federation): they are
 * kept and shown to those who configure Keystone's domains.
 *
 * Spec: Keystone, "Domain-specific configuration": groups and options that the API supports.
 */
export const DOMAIN_OPTIONS: Readonly<Record<string, Readonly<Record<string, string | number | boolean | null>>>> = {
  identity: { driver: 'sql', list_limit: null },
  ldap: {
    url: 'ldap://localhost',
    user: null,
    suffix: 'cn=example,cn=com',
    query_scope: 'one',
    page_size: 0,
    alias_dereferencing: 'default',
    debug_level: null,
    chase_referrals: null,
    user_tree_dn: null,
    user_filter: null,
    user_objectclass: 'inetOrgPerson',
    user_id_attribute: 'cn',
    user_name_attribute: 'sn',
    user_description_attribute: 'description',
    user_mail_attribute: 'mail',
    user_pass_attribute: 'userPassword',
    user_enabled_attribute: 'enabled',
    user_enabled_invert: false,
    user_enabled_mask: 0,
    user_enabled_default: 'True',
    user_default_project_id_attribute: null,
    user_enabled_emulation: false,
    user_enabled_emulation_dn: null,
    group_tree_dn: null,
    group_filter: null,
    group_objectclass: 'groupOfNames',
    group_id_attribute: 'cn',
    group_name_attribute: 'ou',
    group_member_attribute: 'member',
    group_members_are_ids: false,
    group_desc_attribute: 'description',
    tls_cacertfile: null,
    tls_cacertdir: null,
    use_tls: false,
    tls_req_cert: 'demand',
    use_pool: true,
    pool_size: 10,
    pool_connection_timeout: -1,
    use_auth_pool: true,
    auth_pool_size: 100,
  },
};

/** Options that may be set and are never shown. */
export const SECRET_DOMAIN_OPTIONS: Readonly<Record<string, readonly string[]>> = { ldap: ['password'] };
