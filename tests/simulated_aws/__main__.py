"""`python -m tests.simulated_aws --port N`: says its address once it listens."""

from __future__ import annotations

import argparse
import logging

from tests.simulated_aws.server import server

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--port", type=int, default=0, help="A free one when not given.")
port = parser.parse_args().port
logging.getLogger("werkzeug").setLevel(logging.ERROR)
listening = server(port)
print(f"http://127.0.0.1:{listening.server_port}", flush=True)
try:
    listening.serve_forever()
except KeyboardInterrupt:
    pass
