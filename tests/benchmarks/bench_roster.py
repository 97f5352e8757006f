"""A roster of 20,000 rows and 20 columns, read and dry run, against openpyxl's read-only mode on the file.

    [GEO_DATABASE_URL=...] python -m tests.benchmarks.bench_roster [ROWS]

Prints milliseconds (least of several rounds, in turn) and ratios. Targets: reading alone at most 1.5 times, a
dry run of the import at most 3 times, into an empty register and against one that holds the roster already.
A register of rivers with four people a row is measured beside that of volunteers. Without a database it
starts a private one.
"""

import io
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import openpyxl
from sqlalchemy import Engine, select

from geo_service.accounts.scope import Actor, Scope
from geo_service.db import make_engine, transaction
from geo_service.embedded import Cluster
from geo_service.keeper import joined
from geo_service.rosters.options import RosterOptions
from geo_service.rosters.service import import_roster
from geo_service.tables import Area, County
from layers import forms, sheets
from layers.vocabulary import Right
from tests.benchmarks.bench_upload import database

ROWS, COLUMNS, ROUNDS = 20_000, 20, 3
TOWNSHIPS = 30
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
    towns = [f"第{k}镇" for k in range(TOWNSHIPS)]
    for i in range(rows):
        made: dict[str, object] = {
            "序号": i + 1,
            "编号": f"{i:05d}",
            "姓名": f"{rng.choice('张王李赵')}{rng.choice('建国卫东')}{i % 97}号",
            "性别": rng.choice("男女"),
            "出生年月": rng.choice(["1956.03", 1956.1, "1956年3月"]),
            "镇街": towns[i * TOWNSHIPS // rows],
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


def rivers(rows: int) -> bytes:
    """Return a register of rivers with three chiefs and a steward each."""
    rng = random.Random(2)
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    chiefs = [f"{level}河长{part}" for level in ("县级", "镇级", "村级") for part in ("", "职务", "电话")]
    sheet.append(
        ["河道名称", "河道编码", "所在镇街", "起点", "讫点", "长度(km)", *chiefs, "银发河长", "银发河长电话"]
    )
    for i in range(rows):
        town = i * TOWNSHIPS // rows
        row = [
            f"{rng.choice('东西南北')}河{i}",
            f"R{i:06d}",
            f"第{town}镇",
            f"{i}桥",
            f"{i}闸",
            rng.randint(1, 90) / 10,
        ]
        for number, post in ((town % 5, "副县长"), (100 + town, "镇长"), (1000 + i // 4, "村书记")):
            row += [f"张建{_hanzi(number)}", post, 13_900_000_000 + number]
        sheet.append([*row, f"李爱{_hanzi(i // 3)}", 13_700_000_000 + i // 3])
    saved = io.BytesIO()
    book.save(saved)
    return saved.getvalue()


def _hanzi(number: int) -> str:
    return chr(0x4E00 + number % 5000)


@contextmanager
def county() -> Iterator[Engine]:
    """Yield an engine on a new database with the county of the rosters."""
    with ExitStack() as stack:
        server = os.environ.get("GEO_DATABASE_URL")
        if server is None:
            folder = stack.enter_context(TemporaryDirectory(prefix="yinxun-bench-"))
            server = stack.enter_context(joined(Cluster.at(Path(folder))))
        engine = make_engine(stack.enter_context(database(server)))
        stack.callback(engine.dispose)
        with transaction(engine) as db:
            row = County(code="321281", name="兴化市", time_zone="Asia/Shanghai")
            db.add(row)
            db.flush()
            db.add_all(
                Area(county_id=row.id, code=f"321281{100 + k}000", name=f"第{k}镇", level="township")
                for k in range(TOWNSHIPS)
            )
        yield engine


def taken(engine: Engine, data: bytes, *, dry_run: bool) -> int:
    """Import a roster, or only say what would be; return how many lines its report has."""
    with transaction(engine) as db:
        scope = Scope(db.scalars(select(County.id)).one(), Actor(os_user="benchmark"), dict.fromkeys(Right))
        options = RosterOptions(dry_run=dry_run, skip_refused=True)
        return len(import_roster(db, scope, io.BytesIO(data), "roster.xlsx", options).rows)


def spent_ms(what: Callable[[], int]) -> float:
    """Return the milliseconds of one run."""
    began = time.perf_counter()
    what()
    return (time.perf_counter() - began) * 1000


def measure(name: str, data: bytes, runs: dict[str, tuple[Callable[[], int], float]]) -> None:
    """Print what each run takes, and how many times openpyxl's time: name -> run, target."""
    plain: list[float] = []
    spent: dict[str, list[float]] = {run: [] for run in runs}
    for _ in range(ROUNDS):
        plain.append(spent_ms(lambda: by_openpyxl(data)))
        for run, (what, _) in runs.items():
            spent[run].append(spent_ms(what))
    print(f"{name}, {len(data) / 2**20:.1f} MiB\n  openpyxl read-only       {min(plain):8.0f} ms")
    for run, (_, target) in runs.items():
        ratio = min(spent[run]) / min(plain)
        print(f"  {run:24} {min(spent[run]):8.0f} ms  {ratio:.2f} times (target: at most {target:g})")


def main(rows: int = ROWS) -> None:
    """Measure and print."""
    with county() as engine:
        for name, data in (("volunteers", roster(rows)), ("rivers", rivers(rows))):
            runs: dict[str, tuple[Callable[[], int], float]] = {
                "dry run": (lambda d=data: taken(engine, d, dry_run=True), 3.0)  # type: ignore[misc]
            }
            if name == "volunteers":
                runs = {"reading": (lambda d=data: by_sheets(d), 1.5), **runs}  # type: ignore[misc]
            measure(f"{rows} {name}", data, runs)
            print(
                f"  stored in              {spent_ms(lambda d=data: taken(engine, d, dry_run=False)):8.0f} ms"
            )  # type: ignore[misc]
            again: dict[str, tuple[Callable[[], int], float]] = {
                "dry run, all known": (lambda d=data: taken(engine, d, dry_run=True), 3.0)  # type: ignore[misc]
            }
            measure(f"{rows} {name} again", data, again)


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
