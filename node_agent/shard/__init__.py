"""The shard runtime: part of a model, its sequences, and the links to its neighbours."""
