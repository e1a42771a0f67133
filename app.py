#!/usr/bin/env python3
"""The CDK app: reads the context, makes one stack, and holds it against the security rules."""

from aws_cdk import App, Validations

from stacks.acknowledgements import packs
from stacks.config import WorkshopConfig
from stacks.workshop_stack import WorkshopStack


def main() -> None:
    """Synthesize the app into the cloud assembly that `cdk` asked for."""
    app = App()
    config = WorkshopConfig.from_context(app.node)
    WorkshopStack(app, config.stack_name, config=config)
    Validations.of(app).add_plugins(*packs(app))
    app.synth()


if __name__ == "__main__":
    main()
