"""A service as others write them: keystonemiddleware in front of an app that says who calls. Prints its port."""
import json
import logging
import sys
from wsgiref.simple_server import WSGIRequestHandler, make_server

from keystonemiddleware import auth_token

auth_url, password, service_type = sys.argv[1:4]
logging.basicConfig(stream=sys.stderr, level=logging.ERROR)


def app(environ, start_response):
    start_response('200 OK', [('Content-Type', 'application/json')])
    names = ('HTTP_X_USER_NAME', 'HTTP_X_PROJECT_ID', 'HTTP_X_ROLES')
    return [json.dumps({name: environ.get(name) for name in names}).encode()]


class Quiet(WSGIRequestHandler):
    def log_message(self, *args):
        pass


conf = {
    'auth_type': 'password',
    'auth_url': auth_url,
    'www_authenticate_uri': auth_url,
    'username': 'glance',
    'password': password,
    'user_domain_id': 'default',
    'project_name': 'service',
    'project_domain_id': 'default',
    'service_type': service_type,
    'token_cache_time': '-1',
    'interface': 'public',
}
server = make_server('127.0.0.1', 0, auth_token.AuthProtocol(app, conf), handler_class=Quiet)
print(server.server_port, flush=True)
server.serve_forever()
