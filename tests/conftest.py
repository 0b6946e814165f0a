"""How all property tests are run."""

from __future__ import annotations

from hypothesis import Phase, settings

# A failing example is made small within five minutes. To explain it as well, line by line, knows no end: with
# a property of the whole office a run stood at it for over an hour, and the failure was never told.
_PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.target, Phase.shrink)
settings.register_profile("house", phases=_PHASES, print_blob=True)
settings.load_profile("house")
