/**
 * What the image service allows by default. Targets: `project_id` = the image's owner, `visibility`, and `member_id` = the
 * caller's project where it is a member of this shared image.
 *
 * Spec: Glance, "Policies", with the default roles reader, member, admin.
 */
export const DEFAULT_POLICY: Record<string, string> = {
  admin: 'role:admin',
  owner: 'role:member and project_id:%(project_id)s',
  admin_or_owner: 'rule:admin or rule:owner',
  shown:
    "project_id:%(project_id)s or project_id:%(member_id)s or 'public':%(visibility)s or 'community':%(visibility)s",
  add_image: 'rule:admin or role:member',
  /** For another project than one's own. */
  add_image_for_others: 'rule:admin',
  get_image: 'rule:admin or (role:reader and (rule:shown))',
  get_images: 'rule:admin or role:reader',
  /** Images of all projects in one list. */
  get_images_of_all: 'rule:admin',
  modify_image: 'rule:admin_or_owner',
  delete_image: 'rule:admin_or_owner',
  publicize_image: 'rule:admin',
  communitize_image: 'rule:admin_or_owner',
  download_image: 'rule:admin or (role:member and (rule:shown))',
  download_deactivated: 'rule:admin',
  upload_image: 'rule:admin_or_owner',
  deactivate: 'rule:admin_or_owner',
  reactivate: 'rule:admin_or_owner',
  add_member: 'rule:admin_or_owner',
  get_members: 'rule:admin or (role:reader and (project_id:%(project_id)s or project_id:%(member_id)s))',
  delete_member: 'rule:admin_or_owner',
  /** The member, not the owner, decides whether an image appears in its lists. */
  modify_member: 'rule:admin or (role:member and project_id:%(member_id)s)',
  stores_info_detail: 'rule:admin',
};
