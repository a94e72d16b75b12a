"""Streams give out whole characters, and never the beginning of a stop string."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models

from node_agent.errors import CheckpointError, TaskError
from node_agent.shard.text import Text, TextStream

# Qwen's tokenizers normalise to NFC, so only normalised text comes back as it went in.
plain = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=60).map(
    lambda content: unicodedata.normalize("NFC", content)
)


@pytest.fixture(scope="module")
def text(make_checkpoint) -> Text:
    return Text(make_checkpoint())


def stream_all(text: Text, content: str, stop: tuple[str, ...] = ()) -> list[str]:
    stream = TextStream(text.backend, stop)
    pieces = []
    for token in text.backend.encode(content, add_special_tokens=False).ids:
        pieces.append(stream.push(token))
        if stream.stopped:
            return pieces
    return [*pieces, stream.flush()]


@settings(deadline=None)
@given(content=plain)
def test_pieces_join_to_the_text_and_each_is_whole_characters(text, content):
    pieces = stream_all(text, content)
    assert "".join(pieces) == content
    assert "\ufffd" not in "".join(pieces) or "\ufffd" in content


def test_a_character_of_several_tokens_comes_with_its_last(text):
    pieces = stream_all(text, "網🙂")
    assert "".join(pieces) == "網🙂"
    assert pieces.count("") >= 4


@settings(deadline=None)
@given(before=plain, stop=st.text("ab\n#", min_size=1, max_size=4), after=plain)
def test_a_stop_string_ends_the_text_before_it(text, before, stop, after):
    whole = unicodedata.normalize("NFC", before + stop + after)
    assert "".join(stream_all(text, whole, (stop,))) == whole[: whole.index(stop)]


@settings(deadline=None)
@given(content=plain, stops=st.lists(st.text("xyz", min_size=1, max_size=3), max_size=3))
def test_what_was_given_out_is_never_taken_back(text, content, stops):
    given_out = "".join(stream_all(text, content, tuple(stops)))
    assert content.startswith(given_out)
    # The stop string that is complete first ends the text, not the one that begins first.
    places = {content.find(s) for s in stops if s in content} or {len(content)}
    assert len(given_out) in places


def test_a_half_character_at_the_end_is_dropped(text):
    stream = TextStream(text.backend)
    ids = text.backend.encode("網", add_special_tokens=False).ids
    assert "".join(stream.push(i) for i in ids[:-1]) + stream.flush() == ""


def test_the_chat_template_of_the_checkpoint_is_used(text):
    ids = text.chat_tokens([("system", "a"), ("user", "敏捷")])
    decoded = text.backend.decode(ids, skip_special_tokens=False)
    assert decoded == (
        "<|im_start|>system\na<|im_end|>\n<|im_start|>user\n敏捷<|im_end|>\n<|im_start|>assistant\n"
    )


def test_a_checkpoint_without_template_refuses_chat_by_name(make_checkpoint, tmp_path):
    source = make_checkpoint()
    for name in ("tokenizer.json", "config.json"):
        (tmp_path / name).write_bytes((source / name).read_bytes())
    with pytest.raises(TaskError, match="chat template"):
        Text(tmp_path).chat_tokens([("user", "x")])


def test_a_tokenizer_that_cannot_be_read_is_an_error_of_the_checkpoint(make_checkpoint, tmp_path):
    (tmp_path / "config.json").write_bytes((make_checkpoint() / "config.json").read_bytes())
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(CheckpointError, match="tokenizer"):
        Text(tmp_path)


def byte_fallback_tokenizer() -> Tokenizer:
    """As Llama's and Mistral's: a byte of an unknown character is a token of its own."""
    vocabulary = {f"<0x{byte:02X}>": byte for byte in range(256)} | {"a": 256, "<unk>": 257}
    tokenizer = Tokenizer(models.BPE(vocabulary, [], unk_token="<unk>", byte_fallback=True))
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    return tokenizer


@settings(deadline=None)
@given(st.lists(st.sampled_from([0xE5, 0xA5, 0xBD, 0x80, 0xF0, 256]), max_size=30))
def test_bytes_that_are_no_text_never_break_the_stream(tokens):
    stream = TextStream(byte_fallback_tokenizer())
    for token in tokens:
        stream.push(token)
    stream.push(256)
    assert stream.push(256) == "a"


def test_a_tokenizer_file_that_cuts_and_pads_is_not_obeyed(make_checkpoint, tmp_path):
    source = make_checkpoint()
    for name in ("config.json", "tokenizer_config.json", "chat_template.jinja"):
        (tmp_path / name).write_bytes((source / name).read_bytes())
    tokenizer = Tokenizer.from_file(str(source / "tokenizer.json"))
    tokenizer.enable_truncation(8)
    tokenizer.enable_padding(length=64)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    message = [("user", "quick brown fox " * 9)]
    assert Text(tmp_path).chat_tokens(message) == Text(source).chat_tokens(message)
