"""OpenStack's own Swift, whose proxy asks our identity service: all its servers in this process, on one replica in a folder.

Usage: swift-proxy.py <folder> <auth url> <password of user swift>. Prints the proxy's port.
"""
import os
import socket
import sys

import eventlet

eventlet.patcher.monkey_patch(all=False, socket=True, select=True, thread=True)

from swift.common import utils  # noqa: E402

folder, auth_url, password = sys.argv[1:4]
utils.SWIFT_CONF_FILE = os.path.join(folder, 'swift.conf')
with open(utils.SWIFT_CONF_FILE, 'w') as conf:
    conf.write('[swift-hash]\nswift_hash_path_prefix = a\nswift_hash_path_suffix = b\n'
               '[storage-policy:0]\nname = one\ndefault = yes\n')

from eventlet import wsgi  # noqa: E402
from swift.common.ring import RingBuilder  # noqa: E402
from swift.common.wsgi import loadapp  # noqa: E402

SERVER = """[DEFAULT]
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
log_facility = LOG_LOCAL0
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""
PROXY = """[DEFAULT]
swift_dir = {folder}
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck authtoken keystoneauth copy slo dlo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
auth_type = password
auth_url = {auth_url}
www_authenticate_uri = {auth_url}
username = swift
password = {password}
user_domain_id = default
project_name = service
project_domain_id = default
service_type = object-store
interface = public
delay_auth_decision = True
token_cache_time = -1
[filter:keystoneauth]
use = egg:swift#keystoneauth
operator_roles = admin, member
"""


def serve(kind, listener, template):
    path = os.path.join(folder, kind + '-server.conf')
    with open(path, 'w') as conf:
        conf.write(template.format(folder=folder, kind=kind, auth_url=auth_url, password=password))
    app = loadapp(path)
    eventlet.spawn(wsgi.server, listener, app, open(os.devnull, 'w'))


os.makedirs(os.path.join(folder, 'devices', 'd1'))
listeners = {}
for kind in ('account', 'container', 'object'):
    listeners[kind] = eventlet.listen(('127.0.0.1', 0), family=socket.AF_INET)
    builder = RingBuilder(2, 1, 0)
    builder.add_dev({'region': 1, 'zone': 1, 'ip': '127.0.0.1', 'port': listeners[kind].getsockname()[1],
                     'device': 'd1', 'weight': 1})
    builder.rebalance()
    builder.get_ring().save(os.path.join(folder, kind + '.ring.gz'))
for kind, listener in listeners.items():
    serve(kind, listener, SERVER)
proxy = eventlet.listen(('127.0.0.1', 0), family=socket.AF_INET)
serve('proxy', proxy, PROXY)
print(proxy.getsockname()[1], flush=True)
while True:
    eventlet.sleep(3600)
