"""Which tables has a summary database, and are these it? Pure; ``schema.sql`` makes them."""

from collections.abc import Collection

APPLICATION_ID = 0xFEEDABEE - (1 << 32)
"""In the file's header: 0xFEEDABEE, as a signed number of 32 bits. The original gives SQLite the unsigned one, which it does not take."""

TABLES: dict[str, frozenset[str]] = {
    name: frozenset(columns.split())
    for name, columns in {
        "Ids": "id",
        "Descriptions": "id description",
        "Users": "rowid user_id inserted_time user_name email",
        "Experiments": "rowid user_id experiment_id inserted_time started_time is_watching experiment_name",
        "Runs": "rowid experiment_id run_id inserted_time started_time finished_time run_name",
        "Tags": "rowid run_id tag_id inserted_time tag_name display_name plugin_name plugin_data",
        "Tensors": "rowid series step dtype computed_time shape data",
        "TensorStrings": "rowid tensor_rowid idx data",
        "Graphs": "rowid run_id graph_id inserted_time graph_def",
        "Nodes": "rowid graph_id node_id node_name op device node_def",
        "NodeInputs": "rowid graph_id node_id idx input_node_id input_node_idx is_control",
    }.items()
}


def misfit(table: str, columns: Collection[str]) -> str:
    """Return what is wrong with a table of this name that has these columns, "" if nothing is. More columns than ours do no harm."""
    missing = sorted(TABLES[table] - set(columns))
    return f"its table {table} has no column {', '.join(missing)}" if missing else ""
