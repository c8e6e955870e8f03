"""The schema of `report.json`, from the records that it is written from."""

import json
from pathlib import Path

from pydantic import TypeAdapter

from prune_mi.records import RunReport, SearchReport, UnfinishedReport

SCHEMA_FILE = Path(__file__).with_name("report.schema.json")


def report_schema() -> str:
    """JSON of the schema: what `SCHEMA_FILE` holds; changes need another `SCHEMA_VERSION`."""
    schema = TypeAdapter(RunReport | SearchReport | UnfinishedReport).json_schema()
    told = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "report.json"}
    return json.dumps({**told, **schema}, indent=1) + "\n"
