"""What the pages say of the repository is so."""

import re
import subprocess
import sys
import tomllib

from tests.unit.docs.pages import ROOT, pages


def test_links_lead_somewhere() -> None:
    """Relative links in README and changelog, which the site does not check; its own pages are checked when it is built."""
    for page in (ROOT / "README.md", ROOT / "CHANGELOG.md"):
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text("utf-8")):
            assert target.startswith("https://") or (page.parent / target).exists(), (page, target)


def test_every_dependency_is_explained() -> None:
    """A package that is added without a line in the table fails here."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wanted = [
        *project["project"]["dependencies"],
        *(each for group in project["dependency-groups"].values() for each in group if isinstance(each, str)),
    ]
    names = {re.split(r"[\[<>=]", each)[0] for each in wanted}
    rows = [line.split("|")[1] for line in (ROOT / "docs" / "dependencies.md").read_text("utf-8").splitlines() if line.startswith("| `")]
    assert names == set(re.findall(r"`([^`]+)`", " ".join(rows)))


def test_every_decision_is_listed() -> None:
    """In the index and in the site's menu."""
    notes = {path.name for path in (ROOT / "docs" / "decisions").glob("0*.md")}
    index, menu = (ROOT / "docs" / "decisions" / "README.md").read_text("utf-8"), (ROOT / "mkdocs.yml").read_text("utf-8")
    assert notes == set(re.findall(r"\((0[^)]+)\)", index)) == set(re.findall(r"decisions/(0\S+)", menu))


def test_every_setting_that_is_named_exists() -> None:
    """No page speaks of a variable that is none."""
    from hub.settings import Settings

    named = {name for page in pages() for name in re.findall(r"SILTA_[A-Z_]+[A-Z]", page.read_text("utf-8"))}
    assert named <= {f"SILTA_{name.upper()}" for name in Settings.model_fields}


def test_the_site_builds_without_a_warning(tmp_path) -> None:
    """Links and anchors between pages, those made from the code included."""
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "SILTA_KAFKA_BOOTSTRAP" in (tmp_path / "reference" / "settings.html").read_text("utf-8")
