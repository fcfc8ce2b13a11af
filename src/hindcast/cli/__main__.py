"""``python -m hindcast.cli`` is the command line too."""

from hindcast.cli.main import main

main()
