"""A sound is what somebody's recorder wrote: whatever it holds, the answer is a view or a reason, and never a crash."""

from __future__ import annotations

import base64
import io
import json
import struct
import tracemalloc
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
import soundfile

from tasks.core import store
from tasks.core.census import Census
from tasks.core.errors import DataError
from tasks.core.model_records import ModelCard
from tasks.core.records import Column, Dataset, Feature, Note, Target
from tasks.exports.graph import Graph
from tasks.exports.onnx import convert
from tasks.modalities import MODALITIES, samples, spectrum
from tasks.modalities.front import COMPACT
from tasks.modalities.sound import COMPONENTS, Sound
from tasks.serving.refusal import Refusal
from tasks.serving.schema import RowSchema

SOUND = Sound()
RATE = 8_000
FORMATS = [("WAV", "PCM_16"), ("WAV", "PCM_U8"), ("WAV", "FLOAT"), ("RF64", "PCM_16"), ("FLAC", "PCM_16")]
FORMATS += [("OGG", "VORBIS"), ("OGG", "OPUS")]

every_format = pytest.mark.parametrize(("form", "subtype"), FORMATS)


def tone(seconds: float = 0.5, rate: int = RATE, pitch: float = 440.0, noise: float = 0.01) -> np.ndarray:
    t = np.arange(int(seconds * rate)) / rate
    swell = np.sin(np.pi * t / seconds)
    return 0.5 * swell * np.sin(2 * np.pi * pitch * t) + np.random.default_rng(1).normal(0, noise, len(t)) * swell


def file_of(sound: np.ndarray, form: str = "WAV", subtype: str = "PCM_16", rate: int = RATE) -> bytes:
    written = io.BytesIO()
    soundfile.write(written, sound, rate, format=form, subtype=subtype)
    return written.getvalue()


def feature(rate: int = RATE, components: int = 5) -> Feature:
    settings = {"rate": rate, "coefficients": 20, "steps": 24, "components": components}
    return Feature(name="sound", kind="sound", width=spectrum.width(20, 24), settings=json.dumps(settings))


def dataset(values: list[bytes | None]) -> Dataset:
    table = pa.table({"sound": pa.array(values, pa.binary())})
    census = Census(table.schema, find_numbers=True)
    parts = store.put_parts(census.counting(table.to_batches()), table.schema)
    return store.dataset("train", parts, census.columns())


def with_header(at: int, packed: bytes) -> bytes:
    value = bytearray(file_of(tone()))
    value[at : at + len(packed)] = packed
    return bytes(value)


# What cannot be read


BROKEN = {
    "empty": (b"", "empty"),
    "text": (b"these are not the bytes of a sound", "no WAV"),
    "an image": (b"\x89PNG\r\n\x1a\n" + bytes(40), "no WAV"),
    "a header and no more": (file_of(tone())[:20], "cut off"),
    "no frames": (file_of(tone()[:0]), "no samples"),
    "no Vorbis frames": (file_of(tone()[:0], "OGG", "VORBIS"), "no samples"),
    "a click": (file_of(tone()[:40]), "5.0 ms"),
    "silence": (file_of(np.zeros(4_000)), "silent"),
    "a constant": (file_of(np.full(4_000, 0.3)), "silent"),
    "nearly silence": (file_of(tone() * 1e-4), "silent"),
    "clipped": (file_of(np.clip(tone() * 40, -1, 1)), "clipped"),
    "clipped at 8 bits": (file_of(np.clip(tone() * 40, -1, 1), "WAV", "PCM_U8"), "clipped"),
    "NaN": (file_of(np.where(np.arange(4_000) == 77, np.nan, tone()), "WAV", "FLOAT"), "no finite number"),
    "beyond all floats": (file_of(tone() * 1e300, "WAV", "DOUBLE"), "no finite number"),
    "an absurd rate": (with_header(24, struct.pack("<I", 2**31 - 1)), "2,147,483,647 samples a second"),
    "one sample a second": (with_header(24, struct.pack("<I", 1)), "1 samples a second"),
    "absurdly many channels": (with_header(22, struct.pack("<H", 1_000)), "1000 channels"),
    "4 GB that are not there": (with_header(40, struct.pack("<I", 2**32 - 64)), "cut off"),
    "an encoding that nobody knows": (with_header(20, struct.pack("<H", 0x7777)), "cannot be decoded"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_bytes_without_a_sound_are_let_through_or_crash(name: str) -> None:
    value, reason = BROKEN[name]
    assert reason in (SOUND.fault(value) or "")
    with pytest.raises(DataError, match="Feature 'sound' cannot be read"):
        SOUND.encoder(feature())(value)


@every_format
@pytest.mark.parametrize("share", [0.95, 0.5, 0.1])
def test_a_sound_that_was_cut_off_passes_for_a_shorter_one(form: str, subtype: str, share: float) -> None:
    whole = file_of(tone(1.0), form, subtype)
    assert SOUND.fault(whole) is None
    assert SOUND.fault(whole[: int(len(whole) * share)])


@pytest.mark.parametrize(("form", "subtype"), FORMATS[4:])
def test_a_flipped_byte_within_the_sound_goes_unnoticed(form: str, subtype: str) -> None:
    value = bytearray(file_of(tone(1.0), form, subtype))
    value[len(value) * 3 // 4] ^= 0xFF
    assert SOUND.fault(bytes(value))


@pytest.mark.parametrize("n_frames", [(1 << 36) - 1, 0])
def test_the_length_that_a_header_claims_is_allocated(n_frames: int) -> None:
    value = bytearray(file_of(tone(), "FLAC"))
    value[21:26] = ((int.from_bytes(value[21:26], "big") >> 36 << 36) + n_frames).to_bytes(5, "big")
    tracemalloc.start()
    assert SOUND.fault(bytes(value))
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()


def test_a_long_sound_is_held_in_memory_to_be_checked() -> None:
    value = file_of(np.tile(tone(1.0), 300), "FLAC")
    tracemalloc.start()
    assert SOUND.fault(value) is None
    assert tracemalloc.get_traced_memory()[1] < 16 << 20
    tracemalloc.stop()


def test_a_recording_of_hours_is_taken_for_one_sound() -> None:
    value = bytearray(file_of(tone(), "FLAC"))
    value[21:26] = ((int.from_bytes(value[21:26], "big") >> 36 << 36) + 601 * RATE).to_bytes(5, "big")
    assert "expected at most 600" in (SOUND.fault(bytes(value)) or "")


@pytest.mark.parametrize(("gain", "is_readable"), [(1.9, True), (3.0, True), (40.0, False)])
def test_what_is_only_loud_is_taken_for_broken(gain: float, is_readable: bool) -> None:
    loud = np.clip(tone(1.0) * gain, -1, 1)
    assert (SOUND.fault(file_of(loud)) is None) == is_readable


def test_a_wav_file_that_was_written_into_a_pipe_is_taken_for_cut_off() -> None:
    unknown = struct.pack("<I", 0xFFFFFFFF)
    value = with_header(40, unknown)
    encode = SOUND.encoder(feature())
    assert SOUND.fault(value) is None
    assert np.array_equal(encode(value), encode(file_of(tone())))


def test_faults_depend_on_what_other_threads_read() -> None:
    values = [value for value, _ in BROKEN.values()] + [file_of(tone(), *each) for each in FORMATS]
    alone = [SOUND.fault(value) for value in values]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(SOUND.fault, values * 20)) == alone * 20


def repaired(value: bytes) -> bytes:
    """The same pages with checksums that fit: so that what is damaged reaches the decoder."""
    mirrored = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
    pages = value.split(b"OggS")
    for i, page in enumerate(pages[1:], start=1):
        whole = (b"OggS" + page[:18] + bytes(4) + page[22:]).translate(mirrored)
        check = (zlib.crc32(whole, 0xFFFFFFFF) ^ 0xFFFFFFFF).to_bytes(4, "big").translate(mirrored)
        pages[i] = page[:18] + check + page[22:]
    return b"OggS".join(pages)


def fuzz(n_rounds: int) -> None:
    random = np.random.default_rng(20_260)
    seeds = [file_of(tone(0.3), *each) for each in FORMATS]
    encode = SOUND.encoder(feature())
    for number in range(n_rounds):
        value = bytearray(seeds[number % len(seeds)])
        for _ in range(random.integers(1, 8)):
            # Half of the changes are in the header, where they do most.
            at = int(random.integers(0, 80 if random.uniform() < 0.5 else len(value)))
            match random.integers(5):
                case 0:
                    value[at : at + 1] = bytes([random.integers(256)])
                case 1:
                    value[at : at + 4] = random.choice([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f"])
                case 2:
                    del value[at : at + int(random.integers(1, 50))]
                case 3:
                    value[at:at] = random.bytes(int(random.integers(1, 50)))
                case _:
                    value[at:at] = value[: int(random.integers(1, 200))]
        given = bytes(value) if number % 2 else repaired(bytes(value))
        fault = SOUND.fault(given)
        try:
            view = encode(given)
        except DataError as exc:
            assert fault is not None and fault in str(exc)
        else:
            assert fault is None
            assert np.isfinite(view).all()


@pytest.mark.timeout(60)
def test_mutated_files_crash_hang_or_answer_nonsense() -> None:
    fuzz(100)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_many_mutated_files_crash_hang_or_answer_nonsense() -> None:
    fuzz(1_000)


# What a model sees


def test_many_and_one_are_seen_differently() -> None:
    values = [file_of(tone(0.2 + 0.1 * i, pitch=200 + 50 * i), *FORMATS[i % len(FORMATS)]) for i in range(12)]
    given = pl.Series("sound", [*values, None], dtype=pl.Binary)
    encode = SOUND.encoder(feature())
    many = SOUND.encode(feature(), given)
    assert many.shape == (13, feature().width) and many.dtype == np.float64
    assert np.array_equal(many, np.array([encode(value) for value in given]), equal_nan=True)
    assert np.isnan(many[-1]).all() and np.isfinite(many[:-1]).all()


@every_format
@pytest.mark.parametrize("rate", [8_000, 16_000])
def test_the_file_format_changes_what_is_heard(form: str, subtype: str, rate: int) -> None:
    plain = SOUND.encoder(feature())(file_of(tone()))
    found = SOUND.encoder(feature())(file_of(tone(rate=rate), form, subtype, rate))
    assert np.corrcoef(plain, found)[0, 1] > 0.97


def test_rate_channels_level_or_silence_around_it_make_another_sound() -> None:
    plain = SOUND.encoder(feature())(file_of(tone(noise=0)))
    others = {
        "44.1 kHz": file_of(tone(rate=44_100, noise=0), rate=44_100),
        "an odd rate": file_of(tone(rate=44_101, noise=0), "FLAC", rate=44_101),
        "two channels": file_of(np.column_stack([tone(noise=0), tone(noise=0) * 0.4])),
        "quieter": file_of(tone(noise=0) * 0.1, subtype="PCM_24"),
        "silence around it": file_of(np.pad(tone(noise=0), (4_000, 2_000))),
        "a constant added": file_of(tone(noise=0) * 0.5 + 0.3),
    }
    steps = slice(0, 20 * 24)
    for name, value in others.items():
        assert np.corrcoef(plain[steps], SOUND.encoder(feature())(value)[steps])[0, 1] > 0.99, name


def test_a_slow_word_does_not_stand_beside_a_fast_one() -> None:
    def word(seconds: float) -> bytes:
        t = np.arange(int(seconds * RATE)) / seconds / RATE
        return file_of(0.5 * np.sin(2 * np.pi * np.cumsum(np.where(t < 0.5, 300, 1_500)) / RATE))

    fast, slow = (SOUND.encoder(feature())(word(seconds)) for seconds in (0.3, 0.9))
    assert np.corrcoef(fast[:480], slow[:480])[0, 1] > 0.95


@pytest.mark.parametrize("peak", [1e-3, 1.0, 1e30])
def test_a_float_file_without_bounds_gives_infinite_features(peak: float) -> None:
    value = file_of(tone() * peak, "WAV", "DOUBLE")
    assert SOUND.fault(value) is None
    assert np.isfinite(SOUND.encoder(feature())(value)).all()


def test_what_only_a_bat_hears_gives_infinite_features() -> None:
    value = file_of(tone(rate=96_000, pitch=40_000, noise=0), rate=96_000)
    assert np.isfinite(SOUND.encoder(feature())(value)).all()


@pytest.mark.parametrize("frames", [1, 5, 24, 25, 1_000])
def test_time_steps_are_no_means_of_their_frames(frames: int) -> None:
    levels = np.random.default_rng(0).normal(size=(frames, 3))
    found = spectrum._stretched(levels, 24)
    assert found.shape == (24, 3)
    assert np.allclose(found.mean(axis=0), levels.mean(axis=0))
    if frames % 24 == 0:
        assert np.allclose(found, levels.reshape(24, -1, 3).mean(axis=1))


def test_a_tone_is_heard_in_another_mel_band() -> None:
    mono, _ = samples.samples(file_of(tone(1.0, pitch=1_000, noise=0)), RATE)
    power = np.concatenate(list(spectrum._mel(mono, RATE))).sum(axis=0)
    mel = 2595 * np.log10(1 + np.array([50.0, 1_000, RATE / 2]) / 700)
    expected = (mel[1] - mel[0]) / (mel[2] - mel[0]) * (spectrum.BANDS + 1) - 1
    assert abs(int(power.argmax()) - expected) <= 1


def test_long_sounds_are_transformed_otherwise_than_short_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    value = file_of(tone(2.0))
    whole = SOUND.encoder(feature())(value)
    monkeypatch.setattr(spectrum, "AT_ONCE", 7)
    assert np.allclose(whole, SOUND.encoder(feature())(value), rtol=0, atol=1e-9)


# What is decided from the training rows


@pytest.mark.usefixtures("open_store")
@pytest.mark.parametrize(
    ("rates", "expected"), [([8_000], 8_000), ([16_000], 16_000), ([48_000] * 20 + [8_000], 16_000)]
)
def test_all_are_heard_at_a_rate_that_few_have(rates: list[int], expected: int) -> None:
    made = SOUND.feature(dataset([file_of(tone(rate=rate), rate=rate) for rate in rates]), "sound", None)
    assert isinstance(made, Feature)
    assert json.loads(made.settings)["rate"] == expected
    assert made.width == len(SOUND.encoder(made)(file_of(tone())))


@pytest.mark.usefixtures("open_store")
def test_a_column_without_any_sound_makes_a_feature() -> None:
    assert isinstance(SOUND.feature(dataset([None, None]), "sound", None), Note)


@pytest.mark.parametrize("wants", ["compact", "wide"])
def test_missing_or_constant_columns_give_what_is_not_finite(wants: Any) -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(40, feature().width))
    x[:, :30], x[:, 30:60], x[3], x[4, 7] = 0.7, np.nan, np.nan, 0.7 + 1e-12
    front = SOUND.front(feature(components=6), wants, seed=0).fit(x)
    found = front.transform(np.vstack([x, np.full_like(x[:1], np.nan), np.full_like(x[:1], 30)]))
    assert np.isfinite(found).all()
    assert found.shape[1] == (6 if wants == "compact" else x.shape[1])


def test_the_exported_front_answers_otherwise() -> None:
    import onnxruntime

    values = [file_of(tone(0.3, pitch=200 + 90 * i)) for i in range(12)]
    x = SOUND.encode(feature(), pl.Series([*values, None], dtype=pl.Binary))
    for wants, width in (("compact", 5), ("wide", x.shape[1])):
        front = SOUND.front(feature(), wants, 0).fit(x)
        graph = Graph()
        model = graph.model(convert(front, graph, "X"), "y", [None, width], x.shape[1], {})
        session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        strange = np.vstack([x, *(np.full(x.shape[1], value) for value in SOUND.strange)])
        np.testing.assert_allclose(session.run(None, {"X": strange})[0], front.transform(strange), atol=1e-9)


def test_a_broken_sound_in_a_request_is_our_fault() -> None:
    target = Target(name="y", problem="binary", classes=("a", "b"))
    card = ModelCard(
        **{"project": "p", "target": target, "metric": "m", "features": (feature(),), "members": (), "sample": ()},
        **{"inputs": (Column(name="sound", type="sound", n_missing=0),), "data_digest": ""},
    )
    schema = RowSchema(card)

    def asked(value: bytes) -> list[list[float]]:
        rows, _ = schema.read(json.dumps([{"sound": base64.b64encode(value).decode()}]).encode())
        return schema.packed(rows)[1]

    good = file_of(tone())
    assert asked(good)[0] == SOUND.encoder(feature())(good).tolist()
    for value, found in ((good[:1_000], "it is cut off"), (file_of(np.zeros(4_000)), "it is silent")):
        with pytest.raises(Refusal) as refused:
            asked(value)
        error = refused.value.error
        assert (refused.value.status, error["row"], error["field"]) == (422, 0, "sound")
        assert str(error["found"]).startswith(found)


def test_a_card_holds_minutes_of_sound() -> None:
    long, short = file_of(np.tile(tone(1.0), 60)), file_of(tone())
    cut = SOUND.sample(pl.Series("sound", [long, short, None], dtype=pl.Binary)).to_list()
    assert cut[1:] == [short, None]
    assert len(cut[0]) < 32 << 10 and SOUND.fault(cut[0]) is None


def test_it_gives_more_components_than_a_family_takes() -> None:
    assert COMPONENTS == COMPACT
    assert isinstance(MODALITIES["sound"], Sound)


def test_the_example_has_other_sounds_than_its_readme_says() -> None:
    clips = sorted((Path(__file__).parents[2] / "data" / "sounds" / "clips").glob("*/*"))
    broken = {path.name: fault for path in clips if (fault := SOUND.fault(path.read_bytes()))}
    assert len(clips) == 362
    assert sorted(broken) == ["cut.wav", "silent.flac"]
