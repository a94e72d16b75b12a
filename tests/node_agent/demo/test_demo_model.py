"""The committed demo model, loaded as anyone would load it."""

import json
import random

import pytest

tokenizers = pytest.importorskip("tokenizers")
torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from safetensors import safe_open  # noqa: E402 - only with torch installed

from node_agent.demo import evaluate, train  # noqa: E402
from node_agent.demo.corpus import (  # noqa: E402
    DEMO_QUESTIONS,
    GUIDE_FIGURES,
    answer_text,
    context_text,
    random_dialogue,
    random_figures,
)
from node_agent.demo.muon import orthogonal  # noqa: E402
from node_agent.demo.network import grown_model, new_model  # noqa: E402
from node_agent.demo.phrases import NO_FIGURES  # noqa: E402

CHECKPOINT = evaluate.CHECKPOINT
ODD_TEXTS = (
    context_text(GUIDE_FIGURES),
    "數據？？\n\n🌟 naïve\t (ab),cd I'm\r\n  12",
    "\u0000\uffff <|im_end|",
)


@pytest.fixture(scope="module")
def tokenizer():
    return transformers.AutoTokenizer.from_pretrained(CHECKPOINT)


@pytest.fixture(scope="module")
def model():
    loaded = transformers.AutoModelForCausalLM.from_pretrained(CHECKPOINT, dtype=torch.float32)
    return loaded.eval()


def reply(model, tokenizer, messages):
    prompt = tokenizer.apply_chat_template(
        messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    with torch.inference_mode():
        out = model.generate(**prompt)
    return tokenizer.decode(out[0, prompt["input_ids"].shape[1] :], skip_special_tokens=True)


def asked(figures, question):
    return [
        {"role": "system", "content": context_text(figures)},
        {"role": "user", "content": question},
    ]


def test_the_folder_is_small_and_whole():
    files = {path.name: path.stat().st_size for path in CHECKPOINT.iterdir()}
    assert sum(files.values()) <= 10_000_000
    assert files.keys() >= {
        "README.md",
        "chat_template.jinja",
        "config.json",
        "evaluation.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }


def test_the_model_is_a_qwen2_of_sixteen_layers(model):
    config = model.config
    assert config.architectures == ["Qwen2ForCausalLM"]
    assert config.num_hidden_layers == len(model.model.layers) == 16
    assert config.hidden_size // config.num_attention_heads == 32
    assert config.num_key_value_heads < config.num_attention_heads
    assert config.max_position_embeddings == 1024
    stored = json.loads((CHECKPOINT / "config.json").read_text(encoding="utf-8"))
    with safe_open(CHECKPOINT / "model.safetensors", "pt") as tensors:
        kinds = {tensors.get_tensor(name).dtype for name in tensors.keys()}  # noqa: SIM118
    assert {str(kind) for kind in kinds} == {f"torch.{stored['dtype']}"}


def test_both_halves_of_the_layers_take_part(model, tokenizer):
    prompt = tokenizer.apply_chat_template(
        asked(GUIDE_FIGURES, "What is the price?"), return_tensors="pt", return_dict=True
    )
    with torch.inference_mode():
        hidden = model(**prompt, output_hidden_states=True).hidden_states
    for before, after in ((0, 8), (8, 15)):
        assert (hidden[after] - hidden[before]).norm() > 0.1 * hidden[before].norm()


def test_every_digit_is_a_token_and_every_text_survives(tokenizer):
    assert len(tokenizer.tokenize("1234567890")) == 10
    for text in ODD_TEXTS:
        ids = tokenizer.encode(text, add_special_tokens=False)
        assert tokenizer.decode(ids) == text


def test_the_file_alone_reads_text_as_transformers_does(tokenizer):
    plain = tokenizers.Tokenizer.from_file(str(CHECKPOINT / "tokenizer.json"))
    for text in ODD_TEXTS:
        assert plain.encode(text).ids == tokenizer.encode(text, add_special_tokens=False)


def test_a_stream_of_tokens_gives_the_text():
    plain = tokenizers.Tokenizer.from_file(str(CHECKPOINT / "tokenizer.json"))
    stream = tokenizers.decoders.DecodeStream(skip_special_tokens=True)
    text = answer_text("health", "zh-TW", GUIDE_FIGURES) + " 🌟."
    pieces = [stream.step(plain, token) for token in plain.encode(text).ids]
    assert "".join(piece or "" for piece in pieces) == text
    assert len([piece for piece in pieces if piece]) > 20


def test_chatml_is_what_training_used(tokenizer):
    dialogue = random_dialogue(random.Random(1), 2)
    messages = [{"role": "system", "content": dialogue.context}]
    for turn in dialogue.turns:
        messages.append({"role": "user", "content": turn.question})
        messages.append({"role": "assistant", "content": turn.answer})
    ids = tokenizer.apply_chat_template(messages, return_dict=True)["input_ids"]
    assert ids == train.encoded(dialogue, tokenizer)[0]


def test_the_guides_questions_get_the_guides_figures(model, tokenizer):
    results = evaluate.answers(model, tokenizer, evaluate.guide_cases())
    assert len(results) == len(DEMO_QUESTIONS)
    for result in results:
        assert result.answer == result.case.wanted, result.case.question


def test_other_figures_change_what_it_says(model, tokenizer):
    question = "Qubic 網路的當前健康狀況如何？"
    said = {
        reply(model, tokenizer, asked(random_figures(random.Random(seed)), question))
        for seed in range(3)
    }
    assert len(said) == 3


def test_a_second_question_is_answered_too(model, tokenizer):
    chat = asked(GUIDE_FIGURES, "你好")
    chat.append({"role": "assistant", "content": reply(model, tokenizer, chat)})
    chat.append({"role": "user", "content": "What is the market cap?"})
    assert "$424.2M" in reply(model, tokenizer, chat)


def test_without_figures_it_says_so(model, tokenizer):
    said = reply(model, tokenizer, [{"role": "user", "content": "What is the current price?"}])
    assert said == NO_FIGURES["en"]


def test_unseen_figures_are_copied(model, tokenizer):
    cases = [
        case
        for case in evaluate.unseen_cases(random.Random(20261124), 72)
        if case.subset == "trained"
    ]
    total = evaluate.scores(evaluate.answers(model, tokenizer, cases))[0]
    assert total.figure_share >= 0.95
    assert total.exact_share >= 0.90


def test_the_card_and_the_scores_agree():
    report = json.loads((CHECKPOINT / "evaluation.json").read_text(encoding="utf-8"))
    card = (CHECKPOINT / "README.md").read_text(encoding="utf-8")
    assert card.split("# ", 1)[1].startswith("DEMO MODEL")
    assert {row["group"] for row in report["scores"]} >= set(evaluate.SETS)
    for row in report["scores"]:
        if row["group"] in evaluate.SETS:
            assert f"| {row['group']} | {row['answers']} | {row['figure_share']:.2%} |" in card


def test_figures_are_found_as_written():
    text = "at $2.727: 88.82%, 4,069 of 36,381, $1,024.5M and 19.44T."
    assert evaluate.figures_in(text) == (
        "$2.727", "88.82%", "4,069", "36,381", "$1,024.5M", "19.44T",
    )  # fmt: skip


def test_a_grown_model_computes_the_same():
    torch.manual_seed(0)
    small = new_model(64, 2).eval()
    ids = torch.randint(0, 64, (2, 12))
    with torch.inference_mode():
        torch.testing.assert_close(grown_model(small, 8)(ids).logits, small(ids).logits)


def test_an_untrained_model_already_copies():
    torch.manual_seed(0)
    once = random.Random(0).sample(range(3, 500), 30)
    with torch.inference_mode():
        guesses = new_model(500, 2)(torch.tensor([once * 2])).logits[0].argmax(-1)
    right = [int(guesses[i]) == once[(i + 1) % 30] for i in range(33, 59)]
    assert sum(right) >= 24


def test_an_update_is_nearly_orthogonal():
    singular = torch.linalg.svdvals(orthogonal(torch.randn(2, 32, 16)))
    assert 0.5 < singular.min() <= singular.max() < 1.5


def test_a_few_steps_write_a_folder_that_loads(tmp_path, capsys):
    out = tmp_path / "model"
    arguments = ["--out", str(out), "--steps", "5", "--samples", "1", "--threads", "1"]
    deterministic = torch.are_deterministic_algorithms_enabled()
    threads = torch.get_num_threads()
    try:
        assert train.main(arguments) == 0
        assert train.main(arguments) == 2
    finally:
        torch.use_deterministic_algorithms(deterministic)
        torch.set_num_threads(threads)
    assert "--force" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    loaded = transformers.AutoModelForCausalLM.from_pretrained(out)
    assert loaded.config.num_hidden_layers == 16
    assert transformers.AutoTokenizer.from_pretrained(out).eos_token == "<|im_end|>"
