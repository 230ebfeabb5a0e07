"""``make lint`` reads what a person reads: no word that only we would use, and the plain one in its place.

It looks at the pages, and at the comments, docstrings and messages of the code. The words are those of our style:
what was once written here and had to be explained to a reader.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
INSTEAD = {
    r"\bmend(s|ed|ing)?\b": "fix, correct, finish",
    r"\bwhoever\b": "anyone who, the task that",
    r"\bwhatever (came|comes|has come) of\b": "the result of, what was answered",
    r"\brobbed\b": "loses",
    r"\bst(and|ands|ood) still\b": "is paused, waits",
    r"\bnobody's\b": "unmanaged",
    r"\btime-out": "timeout",
    r"\btwins?\b": "duplicate",
    r"\bforeign (value|source|secret|entry)": "unmanaged, of another",
    r"\bhave a source be\b": "ensure that a source exists",
    r"\bhave (its|their) \w+(, and \w+ \w+,)? be\b": "update to the declared values",
    r"\btrying again cannot\b": "permanent errors",
    r"\bshall\b": "must, is to",
    r"\blest\b": "so that not",
    r"\bin vain\b": "for nothing",
    r"\b(comes|came) of (it|them|this|that|our|the)\b": "results from, because of",
    r"\bwithout a word\b(?! of ours)": "silently",
    r"\bsees? to it\b": "ensures",
    r"\b(thereby|hereby|thereof|whereby|whereof|wherein)\b": "a sentence of its own",
    r"\bunreached\b|\bunshown\b": "the standard words: failed, redacted",
    r"\blookout\b": "inventory",
}
# Here stand the words themselves, or what others have written.
_NOT_OURS = {"tests/tools/prose.py", "tests/tools/test_prose.py", "LICENSE"}


def found_in(text: str) -> list[tuple[int, str, str]]:
    """Find what is not plain.

    :param text: a page or a module.
    :return: of each place the line, what stands there, and what to write instead.
    """
    return sorted(
        (text.count("\n", 0, match.start()) + 1, match[0], instead)
        for pattern, instead in INSTEAD.items()
        for match in re.finditer(pattern, text, re.IGNORECASE)
    )


def main(names: list[str]) -> int:
    """Print what is found in the files of that name, by default in all that a person reads here.

    :return: the exit code: 0 if there is nothing.
    """
    if not names:
        listed = subprocess.run(
            ["git", "ls-files", "*.py", "*.md", "*.rst"], cwd=CHECKOUT, capture_output=True, text=True, check=True
        )
        names = [name for name in listed.stdout.split() if name not in _NOT_OURS]
    lines = [
        f"{name}:{line}: {word!r}: rather {instead}"
        for name in names
        if (CHECKOUT / name).exists()
        for line, word, instead in found_in((CHECKOUT / name).read_text(encoding="utf-8"))
    ]
    print("\n".join(lines) or "Plain words everywhere.")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
