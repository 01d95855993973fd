from hydra.experimental.callback import Callback


class SweepProgress(Callback):
    pass
