"""Tables in which no method is better than another, to count how often the test of ``paired.py`` says otherwise.

    python -m tests.evaluation.null_tables 1000

Axes: S trainings, N patients, R resamples.
"""

import math
import sys

import numpy as np
import torch

from src.evaluation.paired import Difference, difference_of_trainings, holm

METHODS = 6


def null_table(
    number: int, *, spread: float, trainings: int = 3, patients: int = 40, gain: float = 0.0
) -> list[Difference]:
    """Five methods against a sixth that is as good, or worse by ``gain``.

    Each case's value is that of the method on this patient (standard deviation 1), of the training (``spread`` standard
    errors of a mean over patients), and of both together (0.3).
    """
    draw = np.random.default_rng(number)
    weight_RN = draw.multinomial(patients, np.full(patients, 1 / patients), size=150) / patients
    of_patient = draw.normal(size=(METHODS, 1, patients))
    of_training = spread / math.sqrt(patients) * draw.normal(size=(METHODS, trainings, 1))
    value = of_patient + of_training + 0.3 * draw.normal(size=(METHODS, trainings, patients))
    table = []
    for method in value[1:]:
        difference_SN = method - value[0] + gain
        drawn = [torch.from_numpy(weight_RN @ one_N) for one_N in difference_SN]
        table.append(difference_of_trainings(difference_SN.mean(1).tolist(), drawn, patients=patients))
    return table


def false_alarms(tables: int, *, spread: float, trainings: int = 3, patients: int = 40) -> tuple[float, float]:
    """The share of cells with p < 0.05, and of tables with any cell below 0.05 after Holm's correction."""
    drawn = (null_table(n, spread=spread, trainings=trainings, patients=patients) for n in range(tables))
    p_values = [[difference.p for difference in table] for table in drawn]
    cells = [p < 0.05 for table in p_values for p in table]
    return float(np.mean(cells)), float(np.mean([min(holm(table)) < 0.05 for table in p_values]))


def main(tables: int) -> None:
    """Print the false alarms over trainings, patients and the spread of trainings."""
    sys.stdout.write("| trainings | patients | spread | cells | tables of six rows |\n|---:|---:|---:|---:|---:|\n")
    for trainings in (3, 5):
        for patients in (6, 40, 150):
            for spread in (0.0, 0.5, 1.0, 2.0, 5.0, 10.0):
                cell, table = false_alarms(tables, spread=spread, trainings=trainings, patients=patients)
                sys.stdout.write(f"| {trainings} | {patients} | {spread:g} | {cell:.3f} | {table:.3f} |\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]))
