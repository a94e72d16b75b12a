"""`python -m tests.simulated_aws --port N`: says its address once it listens."""

from __future__ import annotations

import argparse
import logging
import sys

from tests.simulated_aws.server import server

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--port", type=int, default=0, help="A free one when not given.")
port = parser.parse_args().port
logging.getLogger("werkzeug").setLevel(logging.ERROR)
listening = server(port)
sys.stdout.write(f"http://127.0.0.1:{listening.server_port}\n")
sys.stdout.flush()
listening.serve_forever()
