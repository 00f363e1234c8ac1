"""The joining of parts into files."""

import json
from collections.abc import Mapping, Sequence
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from ner.formats.parquet import COMPRESSION, schema
from ner.integrations.ray.output import ERRORS_KEY, PARTS, PARTS_KEY, joined, part_name
from ner.integrations.ray.parts import Part
from ner.integrations.ray.storage import Folder

# A file takes parts until it has about so many bytes; what is left at the end is less than twice of them.
FILE_BYTES = 128 << 20
ROW_GROUP = 4096


def merge(parts: Sequence[Part], output: str, metadata: Mapping[str, str]) -> str:
    """Write parts, in this order, as one file, which has no name yet that a reader of the output looks for.

    Args:
        parts: The parts.
        output: The output folder.
        metadata: Of the schema: the model's digest and the settings.

    Returns:
        Where the file is in the output folder.

    Raises:
        InputError: if it cannot be written.
    """
    folder = Folder(output)
    temporary = f"{PARTS}/{uuid4().hex}.merged"
    errors = 0
    with (
        folder.writing(temporary) as file,
        pq.ParquetWriter(file, schema(metadata), compression=COMPRESSION) as writer,
    ):
        waiting: list[pa.Table] = []
        for part in parts:
            table = pq.read_table(pa.BufferReader(folder.read(part_name(part))))
            errors += len(table) - table["error"].null_count
            waiting.append(table)
            if sum(map(len, waiting)) >= ROW_GROUP:
                writer.write_table(pa.concat_tables(waiting), ROW_GROUP)
                waiting = []
        if waiting:
            writer.write_table(pa.concat_tables(waiting), ROW_GROUP)
        names = json.dumps(list(map(str, joined(parts))))
        writer.add_key_value_metadata({PARTS_KEY: names, ERRORS_KEY: str(errors)})
    return temporary
