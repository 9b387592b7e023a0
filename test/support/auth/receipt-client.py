"""Logs in with keystoneauth, a proof at a time: the second goes with the receipt for the first.

receipt-client.py <auth URL> <user> <password> <passcode>: a line of JSON with what was missing, and the methods and roles of the token.
"""
import json
import sys

from keystoneauth1 import exceptions, session
from keystoneauth1.identity import v3

url, user, password, passcode = sys.argv[1:]
scope = {'project_name': user, 'project_domain_id': 'default'}
first = v3.PasswordMethod(username=user, password=password, user_domain_id='default')
try:
    v3.Auth(url, [first], **scope).get_access(session.Session())
    sys.exit('one proof was enough')
except exceptions.auth.MissingAuthMethods as missing:
    asked = {'methods': missing.methods, 'required': missing.required_auth_methods}
    receipt = v3.ReceiptMethod(receipt=missing.receipt)
second = v3.TOTPMethod(username=user, passcode=passcode, user_domain_id='default')
access = v3.Auth(url, [receipt, second], **scope).get_access(session.Session())
print(json.dumps({**asked, 'token': sorted(access._data['token']['methods']), 'roles': access.role_names}))
