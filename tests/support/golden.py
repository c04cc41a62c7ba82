"""Where the files are that TensorFlow 1.15 wrote."""

from pathlib import Path

GOLDEN = Path(__file__).parent.parent / "golden"
GOLDEN_EVENTS = GOLDEN / "events.out.tfevents.1795171448.vm.v2"
GOLDEN_DATABASE = GOLDEN / "contrib_db.sqlite"
