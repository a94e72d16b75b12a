"""From the network's figures to demand, machines and where the model's layers go."""
