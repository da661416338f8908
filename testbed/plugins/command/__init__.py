"""A stand-in for the resource plugin of pulumi-command, for machines that cannot have it.

It gives `command:local:Command` and `command:local:run` the official plugin's behaviour, which the
tests of the engine prove; where the official plugin is on PATH, that one is used and proven. It
does not do what this project has no use for (`remote`, `triggers`, `update`, assets and others),
and says so.
"""
