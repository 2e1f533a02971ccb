"""The documents say what is so: commands, options, links, examples and settings."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from ops.cli import app
from ops.settings import Settings, load_settings
from ops.site_tools import check_site

ROOT = Path(__file__).resolve().parents[1]
COMMAND_LINE = ROOT / "docs" / "command-line.md"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
PACKAGES = ("park", "drone", "vision", "sim_data", "pipelines", "ops")

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def fences(page: Path, *languages: str) -> list[str]:
    """Return the fenced blocks of a page that are in one of the languages."""
    found = _FENCE.findall(page.read_text("utf-8"))
    return [body for language, body in found if language in languages]


def without_fences(page: Path) -> str:
    return _FENCE.sub("", page.read_text("utf-8"))


def walk(command: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """Yield every command that does something, with its full name."""
    if hasattr(command, "commands"):
        for name, below in command.commands.items():
            yield from walk(below, (*path, name))
    else:
        yield " ".join(path), command


COMMANDS = dict(walk(typer.main.get_command(app), ("parkwatch",)))


def options_of(command: Any) -> set[str]:
    return {
        name
        for parameter in command.params
        if parameter.param_type_name == "option"
        for name in (*parameter.opts, *parameter.secondary_opts)
    }


def sections() -> dict[str, str]:
    """Return the text under each heading `## parkwatch ...` of the command line's page."""
    parts = re.split(r"^## ", COMMAND_LINE.read_text("utf-8"), flags=re.MULTILINE)[1:]
    return {heading: text for heading, _, text in (part.partition("\n") for part in parts)}


def command_words(block: str) -> Iterator[list[str]]:
    """Yield the words of each `parkwatch ...` line of a shell block, redirections left out."""
    for line in block.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["parkwatch"]:
            stop = next((i for i, w in enumerate(words) if w in {">", "|", "&&", "2>"}), len(words))
            yield words[1:stop]


def parse(words: list[str]) -> None:
    """Parse a command line as the program would, without running it."""
    command: Any = typer.main.get_command(app)
    name = "parkwatch"
    while hasattr(command, "commands"):
        assert words, f"{name} needs a command"
        name, words = words[0], words[1:]
        assert name in command.commands, f"there is no command {name!r}"
        command = command.commands[name]
    command.make_context(name, list(words))


def anchors(page: Path) -> set[str]:
    """Return the anchors that headings of a page make, spelt as the common hosts do."""
    headings = re.findall(r"^#+ (.+)$", without_fences(page), re.MULTILINE)
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.strip().replace(" ", "-") for heading in kept}


EXAMPLES = [
    pytest.param(words, id=f"{name_of(page)}: {' '.join(words)}")
    for page in PAGES
    for block in fences(page, "sh")
    for words in command_words(block)
]


def test_the_command_line_page_has_a_section_for_every_command_and_no_other() -> None:
    assert set(sections()) == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_documented_and_every_documented_option_exists(command: str) -> None:
    text = sections().get(command, "")
    documented = set(re.findall(r"`(--?[a-z][a-z0-9-]*)`", text))
    assert documented >= options_of(COMMANDS[command]), "an option is missing in the page"
    named = re.findall(r"^\| (`-.*?) \|", text, re.MULTILINE)
    in_table = {option for cell in named for option in re.findall(r"`(--?[a-z][a-z0-9-]*)`", cell)}
    assert in_table == options_of(COMMANDS[command]), "the table has other options than there are"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_what_it_and_its_options_are_for(command: str) -> None:
    assert COMMANDS[command].help, f"{command} has no help"
    without = [
        p.name
        for p in COMMANDS[command].params
        if p.param_type_name == "option" and not getattr(p, "help", None)
    ]
    assert not without


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_an_example(command: str) -> None:
    assert f"\n{command}" in sections().get(command, ""), f"{command} has no example"


@pytest.mark.parametrize("words", EXAMPLES)
def test_every_example_is_a_command_line_that_the_program_takes(words: list[str]) -> None:
    parse(words)


def test_the_parser_of_examples_refuses_what_does_not_exist() -> None:
    assert len(EXAMPLES) > 20
    with pytest.raises(AssertionError, match="there is no command 'teleport'"):
        parse(["teleport"])
    with pytest.raises(Exception, match="No such option: --wharehouse"):
        parse(["history", "incidents", "--wharehouse", "x"])


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_and_picture_is_there(page: Path) -> None:
    broken = []
    for target in _LINK.findall(without_fences(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        if not found.exists() or (anchor and anchor not in anchors(found)):
            broken.append(target)
    assert not broken, f"{name_of(page)} points to what is not there: {broken}"


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, todo = set[Path](), [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page in reached or page.suffix != ".md" or not page.is_file():
            continue
        reached.add(page)
        links = (link.partition("#")[0] for link in _LINK.findall(without_fences(page)))
        todo += [(page.parent / link).resolve() for link in links if link and ":" not in link]
    assert set(PAGES) == reached, "link the page from docs/index.md"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_json_in_pages_is_json(page: Path) -> None:
    for block in fences(page, "json", "geojson"):
        json.loads(block)


def test_site_files_in_pages_and_examples_can_be_used(tmp_path: Path) -> None:
    files = sorted((ROOT / "docs" / "examples").glob("*.geojson"))
    for page in PAGES:
        for number, block in enumerate(fences(page, "json", "geojson")):
            if '"FeatureCollection"' in block:
                files.append(tmp_path / f"{page.stem}-{number}.geojson")
                files[-1].write_text(block, "utf-8")
    assert len(files) >= 3
    for file in files:
        assert check_site(file).errors == (), file.name


def test_every_setting_is_in_the_readme_and_every_named_setting_exists() -> None:
    in_code = {f"PARKWATCH_{name.upper()}" for name in Settings.model_fields}
    for package in PACKAGES:
        for module in (ROOT / package).rglob("*.py"):
            in_code |= set(re.findall(r"PARKWATCH_[A-Z_]*[A-Z]", module.read_text("utf-8")))
    listed = set(re.findall(r"^\| `(PARKWATCH_\w+)`", (ROOT / "README.md").read_text(), re.M))
    assert listed == in_code
    for page in PAGES:
        named = set(re.findall(r"PARKWATCH_[A-Z_]*[A-Z]", page.read_text("utf-8")))
        assert named <= in_code, name_of(page)


def test_the_settings_file_of_the_readme_is_taken_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (example,) = fences(ROOT / "README.md", "toml")
    for name in Settings.model_fields:
        monkeypatch.delenv(f"PARKWATCH_{name.upper()}", raising=False)
    monkeypatch.delenv("PARKWATCH_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    Path("parkwatch.toml").write_text(example, "utf-8")
    loaded = load_settings()
    for name, value in tomllib.loads(example).items():
        assert str(getattr(loaded, name)) == str(tuple(value) if name == "models" else value)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_pages_name_no_folder_of_one_machine(page: Path) -> None:
    found = re.findall(
        r"(?<![\w.:/])/(?:home|root|work|tmp|Users|mnt)/\S*", page.read_text("utf-8")
    )
    assert not found
