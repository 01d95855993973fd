"""Which exceptions are a user's mistake, and which are ours and keep their traceback."""

import errno

from src.core.errors import UserError
from src.engine.say import readable


def test_a_user_error_is_its_sentence() -> None:
    assert readable(UserError("a.csv, row 3: no.")) == "Error: a.csv, row 3: no."


def test_a_defect_while_handling_a_mistake_is_not_hidden_behind_it() -> None:
    defect = KeyError("x")
    defect.__context__ = UserError("a.csv, row 3: no.")
    assert readable(defect) is None


def test_only_what_keeps_us_from_writing_is_blamed_on_the_output_folder() -> None:
    refused = readable(PermissionError(errno.EACCES, "Permission denied", "out/x"))
    assert refused is not None
    assert "out/x: Permission denied" in refused
    assert readable(FileNotFoundError(errno.ENOENT, "No such file or directory", "src/x")) is None
    assert readable(ValueError("ours")) is None
