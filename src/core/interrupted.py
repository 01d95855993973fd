"""How a run ends that was told to stop and can go on later."""

import signal

GO_ON = 75
"""Exit code EX_TEMPFAIL of sysexits.h: nothing failed, start the same command again."""

SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
"""What schedulers send before they take a machine away; SIGUSR2 is submitit's."""


class Interrupted(SystemExit):
    """Ends the process with the code ``GO_ON``; no ``except Exception`` takes it for a failure."""

    def __init__(self) -> None:
        super().__init__(GO_ON)
