"""Stand-ins for resource plugins that a machine may lack."""
