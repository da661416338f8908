"""What the workflows run: which stacks to plan, the plans, and how they reach GitHub."""
