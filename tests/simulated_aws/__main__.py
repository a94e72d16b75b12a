"""`python -m tests.simulated_aws --port N`: say the address in one line, and answer until ended."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

# Read by moto when it is imported.
_SETTINGS = {
    "MOTO_AMIS_PATH": str(Path(__file__).with_name("images.json")),
    "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
    "MOTO_ACM_VALIDATION_WAIT": "0",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.simulated_aws", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="Any that is free when 0.")
    port = parser.parse_args().port
    os.environ.update(_SETTINGS)
    from tests.simulated_aws.server import serve

    serve(port)


if __name__ == "__main__":
    main()
