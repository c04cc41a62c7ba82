"""How are protobuf messages made at run time? From a table of their fields, in a descriptor pool of their own.

A table maps a message's name to its fields, and each field's name to ``"number type"``, then ``*`` for repeated (numbers are packed) and
``|group`` for a member of that oneof.
"""

from collections.abc import Mapping
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_Field = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "double": _Field.TYPE_DOUBLE,
    "float": _Field.TYPE_FLOAT,
    "int32": _Field.TYPE_INT32,
    "int64": _Field.TYPE_INT64,
    "uint32": _Field.TYPE_UINT32,
    "uint64": _Field.TYPE_UINT64,
    "bool": _Field.TYPE_BOOL,
    "string": _Field.TYPE_STRING,
    "bytes": _Field.TYPE_BYTES,
}


def messages(package: str, schema: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Return the message classes of a schema by their names."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    for name, fields in schema.items():
        message = file.message_type.add(name=name)
        for field_name, spec in fields.items():
            _add_field(message, package, field_name, spec)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}")) for name in schema}


def _add_field(message: descriptor_pb2.DescriptorProto, package: str, name: str, spec: str) -> None:
    number, kind, *marks = spec.split()
    field = message.field.add(name=name, number=int(number))
    field.label = _Field.LABEL_REPEATED if "*" in marks else _Field.LABEL_OPTIONAL
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
    else:
        field.type = _Field.TYPE_MESSAGE
        field.type_name = f".{package}.{kind}"
    groups = [mark[1:] for mark in marks if mark.startswith("|")]
    if groups:
        if not message.oneof_decl:
            message.oneof_decl.add(name=groups[0])
        field.oneof_index = 0  # no message here has two oneofs
