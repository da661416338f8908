"""What the workflows run: which stacks to plan, the plans, how they reach GitHub, and the site."""
