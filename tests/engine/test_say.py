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


def test_a_full_disk_that_names_no_file_is_said_all_the_same() -> None:
    full = readable(OSError(errno.ENOSPC, "No space left on device"))
    assert full is not None
    assert full.startswith("Error: the output folder: No space left on device; free space")
    assert readable(OSError(errno.EBADF, "Bad file descriptor")) is None


def test_a_full_disk_is_said_once_where_the_log_cannot_be_written_either() -> None:
    log = OSError(errno.ENOSPC, "No space left on device")
    log.__context__ = UserError("checkpoints: no room.")
    assert readable(log) == "Error: checkpoints: no room."


def test_memory_that_is_used_up_is_said() -> None:
    used_up = readable(RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to"))
    assert used_up is not None
    assert "not enough memory" in used_up
    assert "datamodule.batch_size" in used_up
