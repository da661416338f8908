"""Stand-ins for the `rke2-multus` charts: same values in, same kinds of objects out.

Tests need the chart on machines that cannot reach its repository, and its templates are not ours
to copy. The text under `sources/` was written for this project and is held to `facts.json`, which
was distilled from what the published charts render.
"""
