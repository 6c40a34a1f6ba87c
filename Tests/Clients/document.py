#!/usr/bin/env python3
"""Requests made up by schemathesis from the document that the server serves, right ones and wrong ones: no 5xx but 503, and
every response is what the document says. Always the same requests.
"""

import os
import subprocess
import sys

from server import KEY, Server

# Those that hold for a server that refuses what it does not know; they look at every response.
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,negative_data_rejection"


def main():
    with Server("-np", "4", "--queue", "64", "-c", "256") as server:
        command = [
            sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()", "run",
            server.address + "/openapi.json", "--header", "Authorization: Bearer " + KEY, "--checks", CHECKS,
            "--phases", "examples,coverage,fuzzing", "--max-examples", os.environ.get("EXAMPLES", "40"), "--seed", "1",
            "--generation-deterministic", "--request-timeout", "60", "--workers", "2", "--no-color",
        ]
        # In a folder of its own: what it keeps of earlier runs would make other requests.
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=server.folder.name)
        if done.returncode:
            # The key is of this test alone.
            print(done.stdout, file=sys.stderr)
    print("document: " + ("as served" if done.returncode == 0 else "broken"))
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
