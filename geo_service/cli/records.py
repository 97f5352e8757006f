"""`geo-service patrol-records`: outings that were recorded on paper, from tables."""

import typer

from geo_service.cli.options import (
    AnswerFile,
    CountyCode,
    DryRun,
    Encoding,
    Form,
    Output,
    SkipRefused,
    answers_in,
)
from geo_service.cli.people import Table, run_import
from geo_service.patrols import paper_sheet
from geo_service.people.imports import ImportOptions

app = typer.Typer()


@app.command(
    "patrol-records",
    short_help="登记纸质的巡查记录表：次数、人次，没有轨迹，待核。",
    help="登记纸质的巡查记录表。"
    "表头：日期、巡查人、河道（路、网格）、起止时间、天气、巡查内容、发现问题、处理情况。"
    "一格里写了几个人，第一位是巡查人，其余是同行人；同一个文件再导入什么也不变。",
)
def patrol_records(
    file: Table, answer_file: AnswerFile = None, skip_refused: SkipRefused = None, dry_run: DryRun = False,
    encoding: Encoding = None, county: CountyCode = None, form: Form = None, output: Output = None,
) -> None:  # fmt: skip
    """Register outings that were recorded on paper."""
    options = ImportOptions(dry_run, skip_refused is not None, answers_in(answer_file), encoding)
    run_import(paper_sheet.import_records, file, options, county, form, output, skip_refused)
