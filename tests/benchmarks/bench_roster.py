"""Reading a roster of 20,000 rows and 20 columns, against openpyxl's read-only mode on the same file.

    python -m tests.benchmarks.bench_roster [ROWS]

Prints milliseconds (least of several rounds, the two in turn) and ratios. Targets: reading alone at most 1.5
times, a dry run of the import at most 3 times. What stands in `MEASURED` is measured.
"""

import io
import random
import sys
import time
from collections.abc import Callable

import openpyxl

from layers import forms, sheets

ROWS, COLUMNS, ROUNDS = 20_000, 20, 3
_FORM = forms.VOLUNTEERS


def roster(rows: int) -> bytes:
    """Return a volunteers' roster as openpyxl saves it: a title, merged townships, a total, a signature."""
    rng = random.Random(1)
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["志愿者登记表"])
    heads = [_FORM.fields[key][0] for key in _FORM.fields if not key.startswith("emergency")]
    heads = ["序号", *heads[: COLUMNS - 1]]
    sheet.append(heads)
    towns = [f"第{k}镇" for k in range(30)]
    for i in range(rows):
        made: dict[str, object] = {
            "序号": i + 1,
            "编号": f"{i:05d}",
            "姓名": f"{rng.choice('张王李赵')}{rng.choice('建国卫东')}{i % 97}号",
            "性别": rng.choice("男女"),
            "出生年月": rng.choice(["1956.03", 1956.1, "1956年3月"]),
            "镇街": towns[i * 30 // rows],
            "电话": 13800000000 + i,
        }
        sheet.append(
            [made.get(head, rng.choice(["中共党员", "是", None, f"说明{i % 50}"])) for head in heads]
        )
    for k in range(0, rows - 1, 50):
        sheet.merge_cells(start_row=k + 3, end_row=k + 4, start_column=12, end_column=12)
    sheet.append(["合计", rows])
    sheet.append(["填表人：张三"])
    saved = io.BytesIO()
    book.save(saved)
    return saved.getvalue()


def by_openpyxl(data: bytes) -> int:
    """Return the number of rows that openpyxl reads."""
    book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    return sum(1 for sheet in book.worksheets for _ in sheet.iter_rows(values_only=True))


def by_sheets(data: bytes) -> int:
    """Return the number of records that `layers.sheets` reads."""
    sheet = sheets.read(
        io.BytesIO(data), "roster.xlsx", _FORM.fields, required=_FORM.required, fill_down=_FORM.fill_down
    )
    return len(sheet.rows)


MEASURED: dict[str, tuple[Callable[[bytes], int], float]] = {"reading": (by_sheets, 1.5)}
"""What is measured -> how, and at most how many times openpyxl's time it should take."""


def spent_ms(what: Callable[[bytes], int], data: bytes) -> float:
    """Return the milliseconds of one run."""
    began = time.perf_counter()
    what(data)
    return (time.perf_counter() - began) * 1000


def main(rows: int = ROWS) -> None:
    """Measure and print."""
    data = roster(rows)
    print(f"{rows} rows x {COLUMNS} columns, {len(data) / 2**20:.1f} MiB")
    plain: list[float] = []
    spent: dict[str, list[float]] = {name: [] for name in MEASURED}
    for _ in range(ROUNDS):
        plain.append(spent_ms(by_openpyxl, data))
        for name, (what, _) in MEASURED.items():
            spent[name].append(spent_ms(what, data))
    print(f"openpyxl read-only  {min(plain):8.0f} ms")
    for name, (_, target) in MEASURED.items():
        ratio = min(spent[name]) / min(plain)
        print(f"{name:18}  {min(spent[name]):8.0f} ms  {ratio:.2f} times (target: at most {target:g})")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
