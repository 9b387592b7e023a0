"""Runs commands of OpenStack's own client, many in one process: its modules take longer to load than most commands to run.

Reads an array of arguments as a line of JSON each, and answers each with a line {"code", "out", "err"}.
"""
import contextlib
import io
import json
import sys

from openstackclient import shell

answers = sys.stdout
for line in sys.stdin:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = shell.OpenStackShell().run(json.loads(line))
        except SystemExit as exit:
            code = exit.code
    answers.write(json.dumps({'code': code or 0, 'out': out.getvalue(), 'err': err.getvalue()}) + '\n')
    answers.flush()
