"""Where the programs of a fleet listen in a cloud; on one machine free ports are looked for."""

from __future__ import annotations

SSH_PORT = 22
# A TLS proxy on the orchestrator, which stands before the gateway where no balancer does.
HTTPS_PORT = 443
GATEWAY_PORT = 8400
# Below 32,768, where Linux begins to give ports to outgoing connections, so that none can sit on
# an agent's port while the agent is started again.
GRPC_PORT = 20_051
STATUS_PORT = 20_052
DATABASE_PORT = 5432
CACHE_PORT = 6379
