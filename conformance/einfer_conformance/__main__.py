import sys

from einfer_conformance.cli import main

sys.exit(main())
