"""Commands speak Chinese where they are called wrongly and where they help, and exit with 2."""

import re
import sys

import pytest
import typer
from typer.testing import CliRunner

from geo_service import cli
from geo_service.cli import wording


def said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["geo-service", *words])
    with pytest.raises(SystemExit) as left:
        cli.main()
    shown = capsys.readouterr()
    return int(left.value.code or 0), shown.out + shown.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["gaps"], "少了 --kind。可以写：unassigned、unpatrolled、neglected。"),
        (["gaps", "--kind", "foo"], "--kind 不能写「foo」。可以写：unassigned、unpatrolled、neglected。"),
        (["coverage", "--from", "2026-13-01"], "--from 的日期「2026-13-01」不对"),
        (["coverage", "--from"], "--from 后面要写一个值。"),
        (["coverage", "--foo"], "没有 --foo 这个选项。"),
        (["coverage", "a", "b"], "多写了：a b。"),
        (["nix"], "没有「nix」这个命令。"),
        (["import", "river"], "少了 file。"),
        (["import", "lake", "x"], "没有「lake」这个图层"),
        (["user", "token", "x", "--days", "a"], "--days 要写整数。"),
        (["service", "void", "x"], "which 要写编号"),
        (["demo", "--seed", "-1"], "--seed 不能小于 0。"),
        (["norm"], "命令："),
    ],
)
def test_a_wrong_call_is_told_in_chinese(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    code, shown = said(monkeypatch, capsys, *words)
    assert (code, told in shown) == (2, True), shown
    assert not re.search(r"Error|Invalid|Missing|Usage|Traceback|No such", shown), shown


def every_command() -> list[list[str]]:
    root = typer.main.get_command(cli.app)
    found = [[], *([name] for name in root.commands)]  # type: ignore[attr-defined]
    for name, command in root.commands.items():  # type: ignore[attr-defined]
        found += [[name, below] for below in getattr(command, "commands", {})]
    return found


@pytest.mark.parametrize("words", every_command(), ids=" ".join)
def test_every_help_is_in_chinese(words: list[str]) -> None:
    shown = CliRunner().invoke(cli.app, [*words, "--help"]).output
    assert shown.startswith("用法：")
    english = r"Options:|Commands:|Arguments:|Show this|\[required\]|\[default|<(str|path|int|float)"
    assert not re.search(english, shown), shown
    assert not re.search(r"^  [a-z-]+ +\.\.\.$", shown, re.MULTILINE), "a summary that was cut away"


def test_what_has_no_words_of_ours_is_told_as_it_is() -> None:
    assert wording.refused("Something else.") == "命令写得不对：Something else."
