"""`qinfra`: one module for each command, imported only when it is called."""

from __future__ import annotations

from provision.cli.boundary import LazyGroup

COMMANDS = {
    "network": "The network's figures: the guide's, a file's or live.",
    "capacity": "How many nodes, of what kind, and will it be fast enough?",
    "cost": "What a phase costs: every resource, priced, with its source and date.",
    "prices": "The price catalogue: show it, or refresh it from the clouds.",
    "roi": "What a phase earns for what it costs.",
    "report": "All of it as one page of HTML, in English or Chinese.",
    "doctor": "What would stop a deployment, found before anything is changed.",
    "backend": "Where Terraform's states are: show it, or make the bucket for them.",
    "synth": "Write a phase as plain Terraform JSON, a folder for each state.",
    "plan": "What Terraform would make, change and destroy for a phase, and what it costs.",
    "release": "What nodes are given: build it once, or show one and check it.",
    "deploy": "Bring a fleet up, and prove that it answers.",
    "scale": "Give a role another number of nodes, in a cloud.",
    "start": "Start the machines of a deployment that were stopped.",
    "stop": "Stop the machines of a deployment, for the night or the weekend.",
    "drift": "What was changed in the cloud behind Terraform's back.",
    "sweep": "What carries our tag in a cloud, and no deployment here knows of.",
    "status": "Show nodes, pipelines and the gateway.",
    "ask": "Ask one question and stream the answer.",
    "chat": "Talk with the model.",
    "logs": "Show what the nodes wrote, in order of time.",
    "destroy": "Stop a deployment and remove its folder; in a cloud, all that was made for it.",
    "demo": "Deploy the demo, ask it in two languages, keep it running.",
    "version": "Show the version.",
}

main = LazyGroup.of(COMMANDS, package="provision.cli")
