"""What the library of commands says of itself, in the words of those who read it."""

import re
from typing import Any

from typer.core import TyperCommand, TyperGroup

_HELP = {
    "Usage: ": "用法：",
    "Arguments:": "参数：",
    "Options:": "选项：",
    "Commands:": "命令：",
    "Show this message and exit.": "显示这份说明。",
    "COMMAND [ARGS]...": "命令 [参数]...",
    "[OPTIONS]": "[选项]",
}
_VALUES = {
    "<%Y-%m-%d>": "年-月-日",
    "<str>": "文字",
    "<path>": "文件",
    "<int>": "整数",
    "<float>": "数字",
    "<int range>": "整数",
    "<float range>": "数字",
    "<UUID>": "编号",
    "<list[str]>": "文字",
    "<list[Path]>": "文件",
}
_LIST = re.compile(r"<list\[([a-z_|]+)\]>")
_NOTES = re.compile(r"\[((?:default:\s[^\]]*|required|x[<>=]+[^\]]*|[\d.]+<=x<=[\d.]+)(?:;\s[^\]]*)?)\]")
_TOLD: tuple[tuple[str, str], ...] = (
    (r"Missing (?:option|argument) '(.+?)'\.(?: Choose from:\s*(.*))?", "少了 {0}。{1}"),
    (r"Invalid value for (.+?): (?:Value error, )?'(.*)' is not one of (.*)\.", "{0} 不能写「{1}」。{2}"),
    (
        r"Invalid value for (.+?): (?:Value error, )?'(.*)' does not match the formats .*",
        "{0} 的日期「{1}」不对，请写成 2026-05-01 这样。",
    ),
    (r"Invalid value for (.+?): Input should be a valid integer.*", "{0} 要写整数。"),
    (r"Invalid value for (.+?): Input should be a valid number.*", "{0} 要写数字。"),
    (r"Invalid value for (.+?): Input should be a valid UUID.*", "{0} 要写编号（UUID），从列表里复制。"),
    (r"Invalid value for (.+?): Input should be greater than or equal to (\S+)", "{0} 不能小于 {1}。"),
    (r"Invalid value for (.+?): Input should be less than or equal to (\S+)", "{0} 不能大于 {1}。"),
    (r"Invalid value for (.+?): (.*)", "{0}：{1}"),
    (r"Invalid value: (.*)", "{0}"),
    (r"No such option: (\S+)(?: \(Possible options: (.*)\))?", "没有 {0} 这个选项。{1}"),
    (r"No such command '(.*?)'\.(?: Did you mean (.*)\?)?", "没有「{0}」这个命令。{1}"),
    (r"Missing command\.", "少了命令。"),
    (r"Got unexpected extra argument(?:s|\(s\))? \((.*)\)", "多写了：{0}。文件名里有空格时请加引号。"),
    (r"Option '(.+?)' requires .*", "{0} 后面要写一个值。"),
    (r"Option '(.+?)' does not take a value.*", "{0} 后面不写值。"),
)
_CHOICES = "可以写：{}。"


def helped(text: str) -> str:
    """Return a help text in Chinese, its columns as wide as before.

    >>> print(helped("  --day <%Y-%m-%d>  哪天  [required]"))
      --day 年-月-日    哪天  （必填）
    """
    for said, told in _HELP.items():
        text = text.replace(said, told)
    for said, told in _VALUES.items():
        text = text.replace(said, _padded(told, len(said)))
    text = _LIST.sub(lambda found: _padded(found[1], len(found[0])), text)
    return _NOTES.sub(lambda found: f"（{_noted(found[1])}）", text)


def refused(text: str) -> str:
    """Return what was wrong with a call, in Chinese.

    >>> refused("Missing option '--kind'. Choose from: unassigned, neglected")
    '少了 --kind。可以写：unassigned、neglected。'
    >>> refused("No such option: --form (Possible options: --from)")
    '没有 --form 这个选项。可以写：--from。'
    """
    for pattern, told in _TOLD:
        found = re.fullmatch(pattern, text.strip(), re.DOTALL)
        if found:
            parts = [part or "" for part in found.groups()]
            parts[0:1] = [part.strip("'") for part in parts[0:1]]
            if told.endswith("。{2}"):
                parts[2] = _choices(parts[2])
            elif told.endswith("。{1}"):
                parts[1] = _choices(parts[1])
            return told.format(*parts)
    return f"命令写得不对：{text}"


def _choices(words: str) -> str:
    named = [word.strip(" '\t\n") for word in re.split(r",|\bor\b", words)]
    return _CHOICES.format("、".join(filter(None, named))) if any(named) else ""


def _padded(told: str, cells: int) -> str:
    """Return a word with as many blanks as fill the cells it stands in; a Chinese character takes two."""
    wide = sum(2 if ord(sign) > 0x2E80 else 1 for sign in told)
    return told + " " * max(cells - wide, 0)


def _noted(notes: str) -> str:
    return re.sub(r"default:(\s)", r"默认\1", notes).replace("required", "必填").replace("; ", "；")


class Command(TyperCommand):
    """A command that helps in Chinese."""

    def get_help(self, ctx: Any) -> str:
        """Return the help text."""
        return helped(super().get_help(ctx))


class Group(TyperGroup):
    """Commands under one word, that helps in Chinese."""

    def get_help(self, ctx: Any) -> str:
        """Return the help text."""
        return helped(super().get_help(ctx))
