"""Names and phones as those see them who need not know them: 王*英, 138****5678."""


def phone(number: str | None) -> str | None:
    """Return a phone number with its middle masked.

    >>> phone("13812345678"), phone("83212345"), phone("95588"), phone(None)
    ('138****5678', '****2345', '****88', None)
    """
    if number is None:
        return None
    return f"{number[:3] if len(number) > 10 else ''}****{number[-4 if len(number) > 7 else -2 :]}"


def name(full: str | None) -> str | None:
    """Return a name with its middle masked; what stands in brackets for nobody's name stays.

    >>> name("王秀英"), name("张三"), name("欧阳修文"), name(""), name("（已删除）")
    ('王*英', '张*', '欧**文', '', '（已删除）')
    """
    if not full or full.startswith("（"):
        return full
    return f"{full[0]}*" if len(full) < 3 else f"{full[0]}{'*' * (len(full) - 2)}{full[-1]}"


def is_masked(text: str) -> bool:
    """Tell whether a name or phone was masked when it was given out."""
    return "*" in text
