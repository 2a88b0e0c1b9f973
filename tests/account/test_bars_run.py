"""A run whose progress a plugin draws as bars: what the account says stands above them, and is said once."""

import re

import pytest

from checkout import Checkout

pytest.importorskip("snakemake_logger_plugin_rich", reason="no snakemake-logger-plugin-rich here")


@pytest.mark.long
def test_bars_leave_the_account_as_it_is(tmp_path):
    checkout = Checkout(tmp_path / "run")
    next((checkout.folder / "images" / "checker").rglob("*.png")).unlink()
    output = checkout.snakemake("downloads", "--keep-going", "--quiet", "rules", "--logger", "rich", check=False)
    assert output.count("is missing. Restore them") == 1 and output.count("-- failed: download (pool=checker)") == 1
    assert re.search(r"^-- download: 2 of 3 jobs done in [0-9:]+, 1 failed; 2 of 4 steps, [0-9:]+ gone$", output, re.M)
