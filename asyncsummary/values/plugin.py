"""What have the summaries of TensorBoard's plugins in common? A tensor, and metadata that name the plugin.

The metadata go with every value. TensorBoard looks at those of a tag's first value in a segment only, but which value that will be is
not known when it is accepted; they are some tens of bytes.
"""

from dataclasses import dataclass

from asyncsummary.protos import PluginData, Summary, SummaryMetadata, TensorProto, Value
from asyncsummary.values.given import description_of
from asyncsummary.values.tensor import STRING


@dataclass(frozen=True, slots=True)
class Ready:
    """A summary that took no time to make."""

    made: Summary

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return self.made.ByteSize()

    def summary(self) -> Summary:
        """Return it."""
        return self.made


def plugin_value(
    tag: str, tensor: TensorProto, plugin: str, content: bytes = b"", description: object = None, display_name: str = ""
) -> Value:
    """Return the value of a tensor for a plugin; ``content`` is what the plugin wants to know besides.

    Raises:
        InvalidTypeError, InvalidSummaryError: the description, as ``description_of`` says.
    """
    data = PluginData(plugin_name=plugin, content=content)
    metadata = SummaryMetadata(plugin_data=data, summary_description=description_of(description, tag), display_name=display_name)
    return Value(tag=tag, tensor=tensor, metadata=metadata)


def strings(*items: bytes, shape: tuple[int, ...]) -> TensorProto:
    """Return a tensor of strings."""
    tensor = TensorProto(dtype=STRING, string_val=items)
    set_shape(tensor, shape)
    return tensor


def set_shape(tensor: TensorProto, shape: tuple[int, ...]) -> None:
    """Give a tensor its shape; one of rank 0 has an empty one."""
    tensor.tensor_shape.SetInParent()
    for size in shape:
        tensor.tensor_shape.dim.add(size=size)
