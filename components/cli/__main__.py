"""`python -m components.cli` in a checkout is `multus-k3s`."""

from . import main

main()
