import pytest
from synthetic_report import CONDITIONS, draw

from crossgen.report.data import ReportData


@pytest.fixture(scope="session")
def mini() -> ReportData:
    return draw()


@pytest.fixture(scope="session")
def tiny() -> ReportData:
    """Two generators and one condition."""
    return draw(generators=("adm", "sd14"), conditions=CONDITIONS[:1], experiments=("raw",))
