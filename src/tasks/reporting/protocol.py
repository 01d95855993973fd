"""Where the runs beside published figures leave the published protocol."""

from collections.abc import Iterator

from src.tasks.protocol_notes import read_protocol_notes
from src.tasks.reporting.axes import row_label
from src.tasks.reporting.cells import Table


def protocol_differences(table: Table) -> Iterator[str]:
    """One note per difference with the rows that have it; none for a table without published figures."""
    if all(cell.published is None for row in table.rows for cell in row.cells):
        return
    rows: dict[str, dict[str, None]] = {}
    for point in table.axes.points:
        for note in read_protocol_notes(point.job.folder):
            rows.setdefault(note, {})[row_label(table.axes, point)] = None
    yield from (f"{', '.join(labels)}: {note}" for note, labels in rows.items())
