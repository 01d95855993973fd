"""The one kind of error that a user is meant to read."""


class UserError(Exception):
    """Bad input: one sentence naming the file, row or key, what is wrong with it, and what to do.

    The entrypoint prints the message alone, without a traceback, and exits with code 1.
    Nothing in a message may quote a report, a patient id or a pixel.
    """
