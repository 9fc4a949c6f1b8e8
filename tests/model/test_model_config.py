"""Sizes come from the features; what does not fit is refused."""

import json
from math import prod

import pytest

from evoked.core.expressions import EEV5
from evoked.model.config import ARCHITECTURES, Modality, ModelConfig, ModelSettings, config_from, dilations, shapes
from evoked.prediction.encoders import RUNTIME_ENCODERS

PAPER = {"image": 2048, "face": 2048, "audio": 128}
OPEN = {"image": 1280, "face": 256, "audio": 1024}


def learnt(config: ModelConfig) -> int:
    fixed = ("scale.", ".mean", ".variance")
    return sum(prod(s) for n, s in shapes(config).items() if not n.startswith(fixed[0]) and not n.endswith(fixed[1:]))


def test_the_paper_s_size() -> None:
    config = ModelSettings().fit(PAPER, EEV5)

    grus = sum(3 * h * (d + h + 2) for d, h in ((2048, 512), (2048, 256), (128, 128)))
    gates = 896 * 896 + 2 * 896 + 5 * 5 + 2 * 5
    experts = 5 * 3 * 896 + 5 * 2 * 896 + 5 * 2
    assert config.fused == 896
    assert learnt(config) == grus + gates + experts == 6_632_365  # spec §7: 6.63 M


def test_sizes_follow_the_features() -> None:
    config = ModelSettings().fit(OPEN, EEV5)

    assert config.modalities == (
        Modality("image", 1280, 512),
        Modality("face", 256, 256, parts=2),
        Modality("audio", 1024, 128),
    )


def test_little_data_takes_a_small_network_unless_asked() -> None:
    def units(settings: ModelSettings, seconds: int | None) -> list[int]:
        return [m.units for m in settings.fit(OPEN, EEV5, seconds).modalities]

    assert units(ModelSettings(), 9_999) == [64, 32, 64]
    assert units(ModelSettings(), 10_000) == units(ModelSettings(), None) == [512, 256, 128]
    assert units(ModelSettings(image_units=512, face_units=256), 300) == [512, 256, 64]


@pytest.mark.parametrize(("inputs", "fused"), [(("image", "audio"), 640), (("image",), 512)])
def test_ablated_inputs(inputs: tuple[str, ...], fused: int) -> None:
    assert ModelSettings(modalities=inputs).fit(OPEN, EEV5).fused == fused


def test_a_config_survives_json() -> None:
    config = ModelSettings(layers=2, output_gate=False, dropout=0.1).fit(OPEN, EEV5)

    assert config_from(json.loads(json.dumps(config.as_dict()))) == config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"experts": None}, "experts"),
        ({"window_s": "60"}, "window_s must be a whole number"),
        ({"modalities": 3}, "lists"),
    ],
)
def test_a_wrong_json_is_refused(change: dict[str, object], message: str) -> None:
    plain = ModelSettings().fit(OPEN, EEV5).as_dict() | change

    with pytest.raises((KeyError, TypeError, ValueError), match=message):
        config_from(plain)


def test_a_json_that_lacks_something_is_refused() -> None:
    plain = ModelSettings().fit(OPEN, EEV5).as_dict()
    del plain["layers"]

    with pytest.raises(KeyError, match="layers"):
        config_from(plain)


def test_a_missing_modality_is_named() -> None:
    with pytest.raises(ValueError, match=r"no features of face; there are: image, audio"):
        ModelSettings().fit({"image": 4, "audio": 4}, EEV5)


def test_an_unknown_modality_is_named() -> None:
    with pytest.raises(ValueError, match="unknown modality smell"):
        ModelSettings(modalities=("smell",)).fit({"smell": 4}, EEV5)


@pytest.mark.parametrize(
    "wrong", [{"window_s": 0}, {"experts": -1}, {"layers": 0}, {"dropout": 1.0}, {"dropout": -0.1}, {"image_units": -1}]
)
def test_numbers_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ModelSettings(**wrong)  # type: ignore[arg-type]


def test_an_unknown_scaling_is_refused() -> None:
    with pytest.raises(ValueError, match="standardise must be one of modality, column, none"):
        ModelSettings(standardise="rows")


def test_two_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="expressions must be one or more different names"):
        ModelSettings().fit(OPEN, ("joy", "joy"))


def test_parts_must_divide_the_columns() -> None:
    with pytest.raises(ValueError, match="5 columns do not make 2 equal parts"):
        Modality("face", 5, 3, parts=2)


def test_a_kind_of_network_stands_in_every_table() -> None:
    from evoked.model.encoders import ENCODERS

    assert ARCHITECTURES.keys() == RUNTIME_ENCODERS.keys() == ENCODERS.keys()
    with pytest.raises(ValueError, match=f"architecture must be one of {', '.join(ARCHITECTURES)}, got 'oracle'"):
        ModelSettings(architecture="oracle")


@pytest.mark.parametrize("architecture", ["gru", "tcn"])
def test_a_config_that_calls_its_architecture_kind_is_read(architecture: str) -> None:
    config = ModelSettings(architecture=architecture).fit(OPEN, EEV5)
    old = config.as_dict()
    old["kind"] = old.pop("architecture")

    assert config_from(json.loads(json.dumps(old))) == config


def test_a_config_of_before_there_were_architectures_is_read() -> None:
    config = ModelSettings().fit(OPEN, EEV5)
    old = {name: value for name, value in config.as_dict().items() if name not in ("architecture", "answer")}

    assert config_from(json.loads(json.dumps(old))) == config


@pytest.mark.parametrize("window_s", [1, 2, 3, 9, 60, 64, 200])
def test_a_convolution_reaches_every_second_of_its_window_and_no_other(window_s: int) -> None:
    reached = {0}
    for back in dilations(window_s):
        reached |= {seen + back for seen in reached}

    assert reached == set(range(window_s))
    assert len(dilations(window_s)) <= window_s.bit_length()


def test_a_convolution_takes_no_number_of_layers() -> None:
    with pytest.raises(ValueError, match="leave layers at 1, got 2"):
        ModelSettings(architecture="tcn", layers=2)


def test_what_the_output_gate_sees_is_one_of_two() -> None:
    with pytest.raises(ValueError, match="output_gate_from must be one of probabilities, input, got 'fused'"):
        ModelSettings(output_gate_from="fused")
