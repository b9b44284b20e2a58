"""Members as parts of one graph: what each reads, and a network from that to probabilities.

Built from a member's saved state, so that a part needs nothing but what a model on disk has.

Dimensions: B products, L labels, D numbers of a vector.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from shelfwise.core.modality import Modality
from shelfwise.core.types import State
from shelfwise.errors import PluginError, ShelfwiseError
from shelfwise.export.graph_inputs import ImageReader, Reader, WordReader
from shelfwise.export.member_networks import (
    ImageNetwork,
    KernelPart,
    LinearNetwork,
    RowNetwork,
    TextNetwork,
    VectorNetwork,
)
from shelfwise.export.ngram_input import NgramReader
from shelfwise.export.pixel_network import PixelEncoder, pixel_key
from shelfwise.export.row_inputs import NeighbourReader, TableReader, WordsInEach
from shelfwise.export.token_input import TokenReader
from shelfwise.features.graph_rows import restored_graph_rows
from shelfwise.features.ngram_rows import NgramRows
from shelfwise.features.table_rows import TableEncoding
from shelfwise.nn.linear.label_tree import CLUSTERS, is_label_tree
from shelfwise.nn.state_tensors import with_prefix
from shelfwise.vision.encoder_settings import ImageEncoderSettings
from shelfwise.vision.encoder_state import restored_encoder


@dataclass(frozen=True)
class Source:
    """What a network reads: an input of the graph, as it is or through a pre-trained encoder.

    Args:
        encoder: from the input to vectors (B, D), 0 where a product has none; None where the input is read as
            it is.
        encoder_key: encoders of one key compute the same, so members share one; None where no other does.
    """

    reader: Reader
    encoder: nn.Module | None = None
    encoder_key: Hashable = None


@dataclass(frozen=True)
class MemberGraph:
    """A member in the graph.

    Args:
        sources: what the network reads, in its order, and conditions of presence, by the names that their
            inputs have if no other member has the same input.
        network: from the sources to probabilities (B, L).
    """

    sources: Mapping[str, Source]
    network: nn.Module


def part(name: str, modality: str, member: Modality) -> MemberGraph:
    """The fitted `member`, whose plug-in is `modality`, as a part of a graph.

    Raises:
        PluginError: this kind of member cannot be exported, or what it needs for that is gone.
    """
    if modality not in _PARTS:
        raise PluginError(
            f"cannot export {name!r}: {modality} has no ONNX export (supported: {', '.join(_PARTS)}). "
            "Train without that member, or with --preset recommended, quick, best or paper"
        )
    try:
        return _PARTS[modality](name, member)
    except ShelfwiseError as error:
        raise PluginError(f"cannot export {name!r}: {error}") from error


def _text_cnn(name: str, member: Modality) -> MemberGraph:
    settings = member.settings
    state = member.state()
    reader = WordReader(
        field=member.field,
        cleaning=settings.cleaning,
        maxlen=settings.maxlen,
        truncating=settings.truncating,
        # the widest window reads beyond the end of a text, as in training
        widest=max(settings.sizes),
        words=tuple(state.facts["words"]),
    )
    return MemberGraph({name: Source(reader)}, TextNetwork(state.arrays, settings))


def _image(name: str, member: Modality) -> MemberGraph:
    settings = member.settings
    state = member.state()
    encoder = restored_encoder(state.facts, settings, state.arrays)
    reader = ImageReader(member.field, encoder.resizing.size, settings.fit)
    head = with_prefix("head.", state.arrays)
    return MemberGraph({name: Source(reader)}, ImageNetwork(encoder, head, settings))


def _text_linear(name: str, member: Modality) -> MemberGraph:
    state = member.state()
    if is_label_tree(state.arrays):
        labels = f"{len(state.arrays[CLUSTERS]):,}"
        fix = (
            f"train with tree_from of the member above its {labels} labels, in more time and memory"
        )
        raise PluginError(f"its label tree has no ONNX export; {fix}")
    ngrams = NgramRows.restored(state.arrays, member.settings)
    reader = NgramReader(member.field, member.settings.present == "all", ngrams)
    return MemberGraph({name: Source(reader)}, LinearNetwork(state.arrays, has_ngrams=True))


def _kernel_logistic(name: str, member: Modality) -> MemberGraph:
    settings = member.settings
    state = member.state()
    names = member.field.split("+")
    texts = [one for one in names if one not in ("image", "related")]
    sources: dict[str, Source] = {}
    # in the order in which the network reads them
    columns = [one for one in names if one != "image"]
    if columns:
        id_scale = member.id_scale  # type: ignore[attr-defined]
        ngrams = NgramRows.restored(state.arrays, settings, id_scale)
        sources[name] = Source(NgramReader("+".join(columns), True, ngrams))
    kernels: dict[str, float] = {}
    if texts and settings.encoder != "off":
        sources[f"{name}.tokens"] = _sentences("+".join(texts), settings, state)
        kernels["sentences"] = settings.text_weight
    if "image" in names:
        sources[f"{name}.pixels"] = _pictures(settings.backbone, state)
        kernels["pictures"] = settings.image_weight
    part_of_vectors = KernelPart(state.arrays, kernels, settings.gamma) if kernels else None
    network = LinearNetwork(state.arrays, bool(columns), part_of_vectors)
    return MemberGraph(sources, network)


def _text_transformer(name: str, member: Modality) -> MemberGraph:
    state = member.state()
    sources = {f"{name}.tokens": _sentences(member.field, member.settings, state)}
    if member.settings.present == "all":
        sources[f"{name}.words"] = Source(WordsInEach(member.field))
    head = with_prefix("head.", state.arrays)
    return MemberGraph(sources, VectorNetwork({key: value.numpy() for key, value in head.items()}))


def _graph(name: str, member: Modality) -> MemberGraph:
    settings = member.settings
    state = member.state()
    n_labels = len(state.arrays["network.output.bias"])
    place = restored_graph_rows(state.arrays, settings.input, settings.hops, n_labels)
    reader = NeighbourReader(
        member.field, settings.relations, settings.input, settings.hops, n_labels, place
    )
    return MemberGraph({name: Source(reader)}, RowNetwork(state.arrays))


def _tabular(name: str, member: Modality) -> MemberGraph:
    state = member.state()
    encoding = TableEncoding.restored(state.arrays, state.facts["words"])
    reader = TableReader(member.field, member.settings.numbers, encoding)
    return MemberGraph({name: Source(reader)}, RowNetwork(state.arrays))


def _sentences(field: str, settings: Any, state: State) -> Source:
    """The encoder that a member was fitted on, with the weights that the member has tuned, if any."""
    # models without such an encoder are exported without the libraries for it
    from shelfwise.export.token_network import TokenEncoder, token_encoder, tokenizer_json
    from shelfwise.features.sentence_encoder import verify_encoder

    source = verify_encoder(settings.encoder, state.facts["encoder"], state.facts["sha256"])
    tuned = with_prefix("encoder.", state.arrays)
    reader = TokenReader(field, tokenizer_json(source, settings.max_tokens))
    # a tuned encoder is its member's own
    key = None if tuned else ("sentences", reader.key(), source.sha256)
    return Source(reader, TokenEncoder(token_encoder(source, tuned)), key)


def _pictures(backbone: str, state: State) -> Source:
    """The frozen backbone that a member was fitted on."""
    settings = ImageEncoderSettings(
        backbone=backbone, train_last=0, frozen_bn="inference", flip=True
    )
    encoder = restored_encoder(state.facts["backbone"], settings, state.arrays)
    reader = ImageReader("image", encoder.resizing.size, encoder.resizing.fit)
    return Source(reader, PixelEncoder(encoder), pixel_key(encoder))


_PARTS: dict[str, Callable[[str, Modality], MemberGraph]] = {
    "text_cnn": _text_cnn,
    "image": _image,
    "text_linear": _text_linear,
    "kernel_logistic": _kernel_logistic,
    "text_transformer": _text_transformer,
    "graph": _graph,
    "tabular": _tabular,
}
"""What can be exported, by the plug-in's name."""
