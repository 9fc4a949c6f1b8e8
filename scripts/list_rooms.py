"""Write the list of rooms and files into docs/architecture.md.

python scripts/list_rooms.py           write it
python scripts/list_rooms.py --check   exit 1 where the list in docs/architecture.md is out of date
"""

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "evoked"
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- files: made by scripts/list_rooms.py -->", "<!-- end of files -->"


def listing(source: Path = SOURCE) -> str:
    """Each room, and each file in it with the first line of its docstring."""
    lines = []
    for folder in sorted({file.parent for file in source.rglob("*.py")}):
        files = [file for file in sorted(folder.glob("*.py")) if file.name != "__init__.py" or file.stat().st_size]
        if files:
            lines += [f"\n### {'/'.join(folder.relative_to(source).parts) or 'evoked'}"]
        lines += [f"- `{file.name}`: {first_line(file)}" for file in files]
    return "\n".join(lines).strip()


def first_line(file: Path) -> str:
    """The first line of a module's docstring."""
    return (ast.get_docstring(ast.parse(file.read_text())) or "no docstring").splitlines()[0]


def page(text: str, files: str) -> str:
    """The page with the list between its markers."""
    head, rest = text.split(BEGIN)
    return f"{head}{BEGIN}\n{files}\n{END}{rest.split(END)[1]}"


def main() -> int:
    """Write, or check, what the sources say."""
    text = PAGE.read_text()
    fresh = page(text, listing())
    if "--check" in sys.argv[1:]:
        if fresh != text:
            print(f"{PAGE.relative_to(ROOT)} is out of date. Run: python scripts/list_rooms.py", file=sys.stderr)
        return int(fresh != text)
    PAGE.write_text(fresh)
    return 0


if __name__ == "__main__":
    sys.exit(main())
