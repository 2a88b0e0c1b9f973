"""What a training says of itself is so."""

import subprocess

from crossgen import code as facts


def test_the_commit_is_gits_and_says_whether_files_differ(tmp_path, monkeypatch):
    def git(*words: str) -> str:
        told = ["git", "-c", "user.name=n", "-c", "user.email=e@example.org", *words]
        return subprocess.run(told, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.strip()

    module = tmp_path / "facts.py"
    module.write_text("1")
    monkeypatch.setattr(facts, "PACKAGE", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert facts.commit() is None
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "one")
    assert facts.commit() == git("rev-parse", "HEAD")
    module.write_text("2")
    assert facts.commit() == git("rev-parse", "HEAD") + "+"


def test_without_git_there_is_no_commit(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert facts.commit() is None
