"""AWS on loopback, for tests: moto, with what it lacks for our stacks to apply and converge.

One module for each service, each of which puts its actions into moto's classes when it is imported.
What our stacks and preflights do not ask for is left as moto has it.
"""
