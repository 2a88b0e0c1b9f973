"""The hardest images as small pictures, where the config asked for them."""

import base64

from crossgen.report.breakdowns import file_text
from crossgen.report.data import ReportData


def gallery(data: ReportData) -> dict[str, list[dict[str, str]]]:
    """Experiment to its pictures: address (data:image/jpeg), name, and what is known of it. Empty without pictures."""
    shown = data.hardest[data.hardest["thumbnail"].notna()]
    found: dict[str, list[dict[str, str]]] = {}
    for row in shown.to_dict("records"):
        told = {
            "address": f"data:image/jpeg;base64,{base64.b64encode(row['thumbnail']).decode()}",
            "name": str(row["image_id"]),
            "label": "fake" if row["label"] else "real",
            "about": f"{row['pool']}, {file_text(row)}; {row['wrong']} of {row['n']} wrong",
        }
        found.setdefault(str(row["experiment"]), []).append(told)
    return found
