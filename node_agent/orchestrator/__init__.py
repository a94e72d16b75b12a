"""The orchestrator: who is in the fleet, which pipelines they form, and the API in front."""
