"""Plan files of ground stations and shape files, in and out.

`read_plan_file` and `write_plan_file` choose the format; the formats are in modules of their
own, from bytes and to bytes.
"""

from __future__ import annotations

from drone.files.plan_file import PlanFile, plan_file_of
from drone.files.qgc_plan import read_qgc_plan, write_qgc_plan
from drone.files.wpl import read_wpl, write_wpl

__all__ = ["PlanFile", "plan_file_of", "read_qgc_plan", "read_wpl", "write_qgc_plan", "write_wpl"]
